import { mapped, NOVEMBER } from '../push/mapped-scene.js';
import { EVENT_NAME, STRIPE_CUSTOMER, type PushScene } from '../push/push-scene.js';
import { reconciliationProcess, type ReconciliationProcess } from './reconciliation-process.js';

/** A customer and a meter of which usage has been pushed in some hours of 10 November. */
export async function pushedScene(
  usage: Readonly<Record<string, string>> = { '09': '10', '10': '20' },
  env: Record<string, string> = {},
  formula: 'sum' | 'last' = 'sum',
): Promise<PushScene> {
  const scene = await mapped({ READBACK_STABLE_SECONDS: '0', ...env });
  await scene.stripeMeter(formula);
  for (const [hour, quantity] of Object.entries(usage)) await use(scene, quantity, hour);
  await push(scene);
  return scene;
}

export async function use(scene: PushScene, quantity: string, hour = '09'): Promise<void> {
  await scene.usage(NOVEMBER, `2026-11-10T${hour}:05:00Z`, quantity);
}

/** Plans and sends what is owed. */
export async function push(scene: PushScene): Promise<void> {
  await scene.plan(NOVEMBER);
  await scene.process().worker.drain(scene.tenantId);
}

export function reconciling(
  scene: PushScene,
  env: Record<string, string> = {},
): ReconciliationProcess {
  return reconciliationProcess(scene.db, scene.configWith(env));
}

/** The answer of a reconciliation of everything. */
export async function reconciled(scene: PushScene, env: Record<string, string> = {}) {
  const answer = await reconciling(scene, env).reconciliations.reconcile(scene.tenantId, {});
  const [lane] = answer.lanes;
  return { ...answer, lane: lane! };
}

/** Somebody else's usage at Stripe. */
export async function foreign(scene: PushScene, value: string, at: string): Promise<void> {
  await scene.stripe(
    '/v1/billing/meter_events',
    new URLSearchParams({
      event_name: EVENT_NAME,
      'payload[stripe_customer_id]': STRIPE_CUSTOMER,
      'payload[value]': value,
      timestamp: String(Date.parse(at) / 1_000),
    }),
  );
}

/** Stripe loses an event, and tells nobody: as one that it refuses after its 200. */
export async function lose(scene: PushScene, identifier: string): Promise<void> {
  await scene.stripe(
    '/v1/billing/meter_event_adjustments',
    new URLSearchParams({
      event_name: EVENT_NAME,
      type: 'cancel',
      'cancel[identifier]': identifier,
    }),
  );
}

/** What Stripe holds, lost events left out. */
export function total(scene: PushScene): string {
  return String(scene.simulator.totals().reduce((sum, hour) => sum + Number(hour.total), 0));
}

export { NOVEMBER };
