import type { PlainFaultName } from '@countonce/stripe-simulator';
import { PushScene, type PushFixture } from './push-scene.js';

export const NOVEMBER = '2026-11-01T00:00:00Z';
export const EVENTS = '/v1/billing/meter_events';

/** One push of 10 is due. */
export async function due(
  env: Record<string, string> = {},
  options = {},
  formula: 'sum' | 'last' = 'sum',
  meter: Parameters<PushScene['meter']>[0] = {},
): Promise<PushScene> {
  const scene = await PushScene.open(env, options);
  await scene.meter(meter);
  await scene.customer();
  await scene.stripeMeter(formula);
  await scene.period(NOVEMBER, '2026-12-01T00:00:00Z');
  await scene.now('2026-11-10T12:30:20Z');
  await scene.usage(NOVEMBER, '2026-11-10T09:05:00Z', '10');
  await scene.plan(NOVEMBER);
  return scene;
}

export function fault(scene: PushScene, kind: PlainFaultName | 'slow', count = 1): void {
  const script = kind === 'slow' ? ({ kind, ms: 2_000 } as const) : kind;
  scene.simulator.addFault({ match: { method: 'POST', path: EVENTS }, count, fault: script });
}

export async function only(scene: PushScene): Promise<PushFixture> {
  const [push] = await scene.pushes();
  return push!;
}

/** Sends until nothing is due, with every back-off passed. */
export async function sendAll(scene: PushScene, rounds = 6): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    // A new process has no circuit breaker that is open.
    const { sender } = scene.process();
    await scene.forgetBackOff();
    while ((await sender.send(scene.tenantId)) > 0);
  }
}
