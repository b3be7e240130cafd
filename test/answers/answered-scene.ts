import { randomBytes } from 'node:crypto';
import Stripe from 'stripe';
import { ApiKeyService } from '../../src/access/api-key.service.js';
import { SCOPES } from '../../src/access/scope.js';
import { Database } from '../../src/database/database.js';
import { PushPlanner } from '../../src/push/push-planner.js';
import { ReplayRunner } from '../../src/replay/replay-runner.js';
import type { Things } from '../access/route-recipes.js';
import { call, type Answer } from '../support/app.js';
import { setPushStatus } from '../support/push-status.js';
import { openStripeScene, type StripeScene } from '../support/stripe-scene.js';

export const WORD = 'heron';
export const OTHER = 'egret';
const WEBHOOK_SECRET = 'whsec_answered';

/** A tenant of which nearly everything is there to be asked for. */
export interface AnsweredScene extends AsyncDisposable {
  readonly things: Things;
  /** With every right. */
  ask(method: string, path: string, body?: unknown, type?: string): Promise<Answer>;
  webhook(path: string): Promise<Answer>;
}

export async function openAnsweredScene(): Promise<AnsweredScene> {
  const scene = await openStripeScene('2025-10-10T12:00:00Z', {
    STRIPE_WEBHOOK_SECRET: WEBHOOK_SECRET,
    READBACK_STABLE_SECONDS: '0',
    ENCRYPTION_KEY: randomBytes(32).toString('base64'),
  });
  await useMeters(scene);
  await useLate(scene);
  await corrections(scene);
  const things = await thingsOf(scene);
  return {
    things,
    ask: (method, path, body, type) =>
      scene.app.call(method, path, body, type === undefined ? {} : { 'content-type': type }),
    webhook: (path) => webhook(scene, path, 'evt_webhook'),
    [Symbol.asyncDispose]: () => scene[Symbol.asyncDispose](),
  };
}

async function send(scene: StripeScene, method: string, path: string, body?: unknown) {
  const answer = await scene.app.call(method, path, body);
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.text}`);
  return answer.body;
}

function use(scene: StripeScene, id: string, at: string, more: object = {}): Promise<any> {
  return send(scene, 'POST', '/v1/usage-events', {
    usage_event_id: id,
    customer_id: WORD,
    meter: WORD,
    quantity: '20.5',
    occurred_at: at,
    properties: { region: 'eu', depth: 2, wet: true },
    ...more,
  });
}

/** Usage of October that was pushed, with what others have reported beside it. */
async function useMeters(scene: StripeScene): Promise<void> {
  const { stripe } = scene;
  const event_name = 'feathers';
  await stripe.billing.meters.create({
    display_name: 'Feathers',
    event_name,
    default_aggregation: { formula: 'sum' },
  });
  const { id: stripeCustomer } = await stripe.customers.create({ name: 'Heron' });
  await send(scene, 'PUT', `/v1/meters/${WORD}`, {
    aggregation: 'sum',
    display_name: 'Feathers',
    unit: 'feathers',
    dimensions: ['region'],
    filter: { wet: ['true'] },
    stripe_event_name: event_name,
    push_from: '2025-09-01T00:00:00Z',
    billing_starts_at: '2025-09-01T00:00:00Z',
  });
  await send(scene, 'PUT', `/v1/meters/${WORD}_unused`, { aggregation: 'sum', push: 'off' });
  await send(scene, 'PUT', `/v1/meters/${OTHER}`, {
    aggregation: 'unique_count',
    unique_property: 'region',
    late_usage: 'amend',
    push: 'off',
  });
  await send(scene, 'PUT', `/v1/customers/${WORD}`, {
    name: 'Heron',
    aliases: ['grey'],
    stripe_customer_id: stripeCustomer,
    push: 'live',
    billing_period: { interval: 'month', anchor: '2025-10-01T00:00:00Z' },
  });
  await use(scene, WORD, '2025-10-05T12:00:00Z');
  await use(scene, WORD, '2025-10-05T12:00:00Z');
  await use(scene, 'second', '2025-10-06T12:00:00Z');
  await use(scene, 'third', '2025-10-07T12:00:00Z');
  await use(scene, 'unique', '2025-10-06T12:00:00Z', { meter: OTHER });
  await scene.push();
  await stripe.billing.meterEvents.create({
    event_name,
    payload: { stripe_customer_id: stripeCustomer, value: '4' },
    timestamp: Date.parse('2025-10-08T10:00:00Z') / 1_000,
  });
}

/** October is closed; what comes to it then is carried forward, or amends it. */
async function useLate(scene: StripeScene): Promise<void> {
  await scene.now('2025-11-04T12:00:00Z');
  await send(scene, 'POST', '/v1/period-closes', {});
  await scene.push();
  await use(scene, 'late', '2025-10-09T12:00:00Z');
  await use(scene, 'late_unique', '2025-10-09T12:00:00Z', {
    meter: OTHER,
    properties: { region: 'us' },
  });
  await scene.push();
  await scene.app.pool.query(
    `WITH l AS (SELECT * FROM push_lane LIMIT 1), i AS (
       INSERT INTO stripe_invoice (tenant_id, account_id, livemode, invoice_id, status, finalizes_at,
              finalized_at, made_at)
       SELECT tenant_id, account_id, livemode, 'in_heron', 'draft', now(), now(), now() FROM l)
     INSERT INTO invoice_period
     SELECT p.tenant_id, p.customer_no, p.meter_no, p.period_start, p.period_end, l.account_id,
            l.livemode, 'in_heron'
       FROM billing_period p CROSS JOIN l`,
  );
}

async function corrections(scene: StripeScene): Promise<void> {
  await send(scene, 'POST', '/v1/usage-events/void', {
    usage_event_id: 'second',
    reason: 'counted twice',
    replacement: {
      usage_event_id: 'instead',
      customer_id: WORD,
      meter: WORD,
      quantity: 1,
      properties: { wet: true },
    },
  });
  // A conflict, and one that is refused for two reasons.
  await scene.app.call('POST', '/v1/usage-events', {
    events: [
      { usage_event_id: WORD, customer_id: WORD, meter: WORD, quantity: 7 },
      { usage_event_id: 'odd', source: 'probe', customer_id: WORD, meter: WORD, quantity: '1e5' },
    ],
  });
  await webhook(scene, '/v1/webhooks/stripe', 'evt_heron');
  await scene.app.pool.query(
    `UPDATE stripe_event SET attempts = 2, last_error = 'a timeout', object_id = 'cus_heron'`,
  );
}

async function thingsOf(scene: StripeScene): Promise<Things> {
  const { app, tenantId } = scene;
  const close = await send(scene, 'POST', '/v1/period-closes', {});
  const reconciliation = await send(scene, 'POST', '/v1/reconciliations', {});
  const quarantine = await send(scene, 'GET', '/v1/quarantine');
  const voids = await send(scene, 'POST', '/v1/voids', {
    filter: { usage_event_ids: ['third'] },
    reason: 'a void of one',
  });
  for (const totals of ['usage_total', 'usage_delta']) {
    await app.pool.query(`UPDATE ${totals} SET quantity_sum = quantity_sum + 1`);
  }
  const replay = await send(scene, 'POST', '/v1/replays', {
    mode: 'apply',
    customer_id: WORD,
    from: '2025-09-01T00:00:00Z',
    to: '2026-01-01T00:00:00Z',
  });
  await app.app.get(ReplayRunner).run(tenantId, replay.id as string, () => false);
  await send(scene, 'PUT', '/v1/customers/gone', {});
  const erasure = await send(scene, 'POST', '/v1/customers/gone/erasures', { reason: 'a test' });
  await send(scene, 'PUT', '/v1/customers/stork', {});
  const until = Date.UTC(2100, 0, 1) * 1_000;
  const keys = app.app.get(ApiKeyService);
  const key = await keys.create(tenantId, 'a second key', SCOPES, until);
  const revoked = await keys.create(tenantId, 'a third key', SCOPES);
  await send(scene, 'POST', `/v1/api-keys/${revoked.keyId}/rotations`, {});
  await send(scene, 'DELETE', `/v1/api-keys/${revoked.keyId}`);
  return {
    word: WORD,
    closeId: close.id,
    reconciliationId: reconciliation.id,
    quarantinedId: quarantine.data[0].id,
    voidId: voids.id,
    replayId: replay.id,
    erasureId: erasure.id,
    keyId: key.keyId,
    approvalId: await approval(scene, key.text),
    eventId: 'evt_heron',
    pushId: await unknownPush(scene),
  };
}

/** Asked for by another key, so that ours may approve it; another one was approved and used. */
async function approval(scene: StripeScene, key: string): Promise<string> {
  const { app } = scene;
  await send(scene, 'PUT', '/v1/approval-policy', { commands: ['period.close'] });
  const ask = (idempotencyKey: string): Promise<Answer> =>
    call(app.url, key, 'POST', '/v1/period-closes', {}, { 'idempotency-key': idempotencyKey });
  const used: string = (await ask('used')).body.approval_id;
  const decision = { decision: 'approve', reason: 'looked at it' };
  await send(scene, 'POST', `/v1/approvals/${used}/decisions`, decision);
  await ask('used');
  const asked = await ask('asked');
  await app.pool.query('DELETE FROM approval_policy');
  return asked.body.approval_id as string;
}

async function unknownPush(scene: StripeScene): Promise<string> {
  const { app, tenantId } = scene;
  await use(scene, 'unsent', '2025-11-03T12:00:00Z');
  while ((await app.app.get(PushPlanner).plan(tenantId)) > 0);
  const { rows } = await app.pool.query(`SELECT identifier FROM push WHERE status = 'pending'`);
  const identifier = rows[0].identifier as string;
  const db = app.app.get(Database).work;
  await setPushStatus(db, tenantId, identifier, 'unknown');
  await app.pool.query(`UPDATE push SET last_error = 'a timeout' WHERE status = 'unknown'`);
  return identifier;
}

function webhook({ app }: StripeScene, path: string, id: string): Promise<Answer> {
  const body = JSON.stringify({
    id,
    object: 'event',
    type: 'charge.succeeded',
    account: 'acct_connected',
    livemode: false,
    created: 1_760_000_000,
    data: { object: { id: 'ch_heron' } },
  });
  const header = Stripe.webhooks.generateTestHeaderString({
    payload: body,
    secret: WEBHOOK_SECRET,
  });
  return app.call('POST', path, body, { authorization: '', 'stripe-signature': header });
}
