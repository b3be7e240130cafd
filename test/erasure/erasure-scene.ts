import { ApiKeyService } from '../../src/access/api-key.service.js';
import { SCOPES } from '../../src/access/scope.js';
import { TenantService } from '../../src/access/tenant.service.js';
import { Database } from '../../src/database/database.js';
import { AmendmentSealer } from '../../src/periods/amendment-sealer.js';
import { ReplayRunner } from '../../src/replay/replay-runner.js';
import { foldAll } from '../../src/usage/fold.js';
import { insertEvent } from '../../src/webhooks/stripe-inbox.store.js';
import { call, type Answer } from '../support/app.js';
import { openStripeScene, type StripeScene } from '../support/stripe-scene.js';

/** A tenant in which two customers have left their texts wherever there is room for some. */
export interface ErasureScene extends AsyncDisposable {
  readonly scene: StripeScene;
  readonly db: Database;
  readonly otherTenantId: string;
  readonly otherKey: string;
  /** What tells of the customer, and is in the database. */
  readonly texts: readonly string[];
  send(event: Record<string, unknown>, key?: string): Promise<Answer>;
  erase(reason?: string, headers?: Record<string, string>): Promise<Answer>;
  /** Rebuilds everything and tells what differs. */
  verify(): Promise<any>;
}

export const WORD = 'heron';
export const CUSTOMER = `${WORD}-77`;
export const OCTOBER = '2026-10-01T00:00:00.000Z';

/** An event of a customer, with a text in each place that can have one. */
export function eventOf(word: string, n: number, more: Record<string, unknown> = {}) {
  return {
    usage_event_id: `event-${word}-${n}`,
    source: `source-${word}`,
    customer_id: `${word}-77`,
    meter: 'tokens',
    quantity: n,
    occurred_at: `2026-10-30T${10 + (n % 2)}:${String(n).padStart(2, '0')}:00Z`,
    properties: { region: `region-${word}`, note: `note-${word}`, seat: `seat-${word}-${n}` },
    ...more,
  };
}

export async function openErasureScene(): Promise<ErasureScene> {
  const scene = await openStripeScene('2026-10-30T12:00:00Z');
  const { app, tenantId } = scene;
  const db = new Database(app.databaseUrl, 2);
  const otherTenantId = await app.app.get(TenantService).create('second');
  const keys = app.app.get(ApiKeyService);
  const otherKey = (await keys.create(otherTenantId, 'all', SCOPES)).text;
  const post = (path: string, body: unknown, key = app.apiKey, headers = {}) =>
    expectDone(call(app.url, key, 'POST', path, body, headers));
  await fillTenant(scene, app.apiKey);
  await call(app.url, otherKey, 'PUT', '/v1/meters/tokens', tokens(false));
  await call(app.url, otherKey, 'PUT', `/v1/customers/${CUSTOMER}`, { name: 'Gray Heron GmbH' });
  for (const n of [1, 2, 3]) await post('/v1/usage-events', eventOf(WORD, n), otherKey);
  const stripeIds = await leaveTexts(scene, db);
  await fillBooks(scene, db);
  return {
    scene,
    db,
    otherTenantId,
    otherKey,
    texts: [...TEXTS, ...stripeIds],
    send: (event, key = app.apiKey) => call(app.url, key, 'POST', '/v1/usage-events', event),
    erase: (reason = 'it was asked for', headers = {}) =>
      app.call('POST', `/v1/customers/${CUSTOMER}/erasures`, { reason }, headers),
    async verify() {
      const { body } = await post('/v1/replays', { mode: 'verify' });
      await app.app.get(ReplayRunner).run(tenantId, body.id, () => false);
      return (await app.call('GET', `/v1/replays/${body.id}`)).body;
    },
    async [Symbol.asyncDispose]() {
      await db.end();
      await scene[Symbol.asyncDispose]();
    },
  };
}

const TEXTS = [
  CUSTOMER,
  `quill-${WORD}`,
  `plume-${WORD}`,
  'Gray Heron GmbH',
  'Young Heron',
  `event-${WORD}-1`,
  `source-${WORD}`,
  `region-${WORD}`,
  `note-${WORD}`,
  `seat-${WORD}-1`,
  `void-of-${WORD}`,
  `voids-of-${WORD}`,
  `resolved-for-${WORD}`,
  `conflict-${WORD}`,
  `rejected-${WORD}`,
  `mail@${WORD}.example`,
  `sub_${WORD}`,
  `si_${WORD}`,
  `in_${WORD}`,
  `evt-note-${WORD}`,
];

const tokens = (isPushed: boolean) => ({
  aggregation: 'sum',
  dimensions: ['region'],
  ...(isPushed ? { stripe_event_name: 'tokens' } : { push: 'off' }),
});

/** Meters, and usage of two customers, the first of which has had more than one name. */
async function fillTenant({ app, stripe, stripeCustomer }: StripeScene, key: string) {
  const put = (path: string, body: unknown) =>
    expectDone(call(app.url, key, 'PUT', `/v1/${path}`, body));
  const post = (body: unknown) => expectDone(app.call('POST', '/v1/usage-events', body));
  await put('meters/tokens', tokens(true));
  await put('meters/peak', { aggregation: 'max', event_types: ['tokens'], push: 'off' });
  const unique = { aggregation: 'unique_count', unique_property: 'seat', dimensions: ['region'] };
  await put('meters/seats', { ...unique, event_types: ['tokens'], push: 'off' });
  await put('customers/acme', { stripe_customer_id: null });
  await put(`customers/${CUSTOMER}`, {
    name: 'Young Heron',
    aliases: [`plume-${WORD}`],
    stripe_customer_id: stripeCustomer,
  });
  const other = await stripe.customers.create({ name: 'Robin' });
  await put('customers/robin-77', { name: 'Red Robin', stripe_customer_id: other.id });
  for (const n of [1, 2, 3, 4, 5, 6]) {
    await post(eventOf(WORD, n, n === 2 ? { customer_id: `plume-${WORD}` } : {}));
    await post(eventOf('robin', n));
  }
}

/** Pushes, a close, amendments, voids, refused events, answers: all that quotes the customer. */
async function leaveTexts(scene: StripeScene, db: Database): Promise<string[]> {
  const { app, stripe, stripeCustomer, tenantId } = scene;
  const post = (path: string, body: unknown, key?: string) =>
    app.call('POST', path, body, key === undefined ? {} : { 'idempotency-key': key });
  await scene.push();
  const second = await stripe.customers.create({
    name: 'Gray Heron',
    email: `mail@${WORD}.example`,
  });
  await expectDone(
    app.call('PUT', `/v1/customers/${CUSTOMER}`, {
      name: 'Gray Heron GmbH',
      aliases: [`quill-${WORD}`],
      stripe_customer_id: second.id,
      from: 'now',
    }),
  );
  await scene.now('2026-11-01T00:40:00Z');
  await expectDone(post('/v1/period-closes', { customer_id: CUSTOMER }, `close-${CUSTOMER}`));
  await expectDone(post('/v1/period-closes', {}));
  for (const word of [WORD, 'robin']) {
    const source = `source-${word}`;
    const event = { usage_event_id: `event-${word}-3`, source, reason: `void-of-${word}` };
    await expectDone(post('/v1/usage-events/void', event, `key-${word === WORD ? 1 : 2}`));
    const filter = { usage_event_ids: [`event-${word}-4`], source };
    await expectDone(post('/v1/voids', { filter, reason: `voids-of-${word}` }));
    await post('/v1/usage-events', eventOf(word, 1, { properties: { a: `conflict-${word}` } }));
    await post('/v1/usage-events', eventOf(word, 9, { meter: `rejected-${word}` }));
    await post('/v1/usage-events', eventOf(word, 7, { occurred_at: '2026-11-01T00:10:00Z' }));
    await expectDone(post('/v1/reconciliations', { customer_id: `${word}-77` }));
  }
  await askForApprovals(scene);
  await app.pool.query('UPDATE amendment_due SET due_at = now()');
  await app.app.get(AmendmentSealer).run(tenantId, () => false);
  await scene.push();
  await foldAll(db.work, tenantId);
  return [stripeCustomer, second.id];
}

/** Commands on both customers that nobody has approved yet, under a policy that is off again. */
async function askForApprovals({ app, tenantId }: StripeScene): Promise<void> {
  await app.app.get(ApiKeyService).create(tenantId, 'a second pair of eyes', SCOPES);
  const commands = ['usage_event.void', 'customer.change'];
  await expectDone(app.call('PUT', '/v1/approval-policy', { commands }));
  for (const word of [WORD, 'robin']) {
    const event = { usage_event_id: `event-${word}-5`, source: `source-${word}`, reason: 'a test' };
    const asked = [
      await app.call('POST', '/v1/usage-events/void', event),
      await app.call('PUT', `/v1/customers/${word}-77`, { name: `renamed ${word}-77` }),
    ];
    if (asked.some(({ body }) => body.code !== 'approval_required'))
      throw new Error(asked[0]!.text);
  }
  await app.pool.query('DELETE FROM approval_policy');
  // More than an erasure looks at in one go, some of them made at one instant.
  await app.pool.query(
    `INSERT INTO approval
     SELECT (jsonb_populate_record(a, jsonb_build_object(
               'approval_id', gen_random_uuid(), 'state', 'expired'))).*
       FROM approval a, generate_series(1, 120)`,
  );
}

/** What comes from Stripe, and what a replay found. */
async function fillBooks({ app, tenantId, stripeCustomer }: StripeScene, db: Database) {
  for (const [word, customer] of [
    [WORD, stripeCustomer],
    ['robin', 'cus_robin'],
  ] as const) {
    await insertEvent(db.work, tenantId, {
      eventId: `evt_of_${customer.length}`,
      type: 'customer.updated',
      objectId: customer,
      livemode: false,
      accountId: null,
      eventAt: null,
      body: JSON.stringify({ object: { id: customer, email: `mail@${word}.example` } }),
      ...(word === 'robin' && { ignoredBy: { kind: 'ignored', reason: 'no_handler' } }),
    });
    await app.pool.query(FROM_STRIPE, [tenantId, customer, word]);
  }
  await app.pool.query(
    `UPDATE push_transition t SET reason = 'resolved: resolved-for-${WORD}'
       FROM push p, customer c
      WHERE p.identifier = t.identifier AND c.customer_no = p.customer_no
        AND c.customer_id = '${CUSTOMER}' AND to_status = 'delivered'`,
  );
  await app.pool.query(
    `UPDATE usage_total SET quantity_sum = quantity_sum + 1, digest = digest + 1`,
  );
  const { body } = await app.call('POST', '/v1/replays', { mode: 'apply' });
  await app.app.get(ReplayRunner).run(tenantId, body.id, () => false);
}

const FROM_STRIPE = `
  WITH own AS (SELECT customer_no FROM customer WHERE tenant_id = $1 AND customer_id = $3 || '-77'),
  reading AS (
    INSERT INTO subscription_reading (tenant_id, account_id, livemode, stripe_customer_id)
    VALUES ($1, 'acct_1', false, $2)),
  item AS (
    INSERT INTO subscription_item
    VALUES ($1, 'acct_1', false, 'si_' || $3, 'mtr_1', 'sub_' || $3, $2, NULL, now(), NULL, true,
            'month', 1, now())),
  period AS (
    INSERT INTO item_period
    VALUES ($1, 'acct_1', false, 'si_' || $3, 'mtr_1', now(), now() + interval '1 month')),
  invoice AS (
    INSERT INTO stripe_invoice
    VALUES ($1, 'acct_1', false, 'in_' || $3, 'paid', NULL, now(), now())),
  late AS (
    INSERT INTO stripe_event (tenant_id, event_id, type, livemode, received_at, body, outcome,
           effects, fetched, give_up_at, settled_at)
    VALUES ($1, 'evt_late' || md5($3), 'invoice.paid', false, now(), '{}', 'done', '[]',
            json_build_object('customer', $2, 'note', 'evt-note-' || $3), now(), now()))
  INSERT INTO invoice_period
  SELECT $1, customer_no, 1, now(), now() + interval '1 month', 'acct_1', false, 'in_' || $3 FROM own`;

async function expectDone(answer: Promise<Answer>): Promise<Answer> {
  const done = await answer;
  if (done.status >= 300) throw new Error(`${done.status}: ${done.text}`);
  return done;
}
