import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AmendmentSealer } from '../../src/periods/amendment-sealer.js';
import { sumOf } from '../../src/domain/decimal-arithmetic.js';
import { openStripeScene, type StripeScene } from '../support/stripe-scene.js';

const OCTOBER = '2026-10-01T00:00:00.000Z';
const NOVEMBER = '2026-11-01T00:00:00.000Z';

let scene: StripeScene;
beforeEach(async () => {
  scene = await openStripeScene('2026-10-30T12:00:00Z', { READBACK_STABLE_SECONDS: '0' });
});
afterEach(() => scene[Symbol.asyncDispose]());

const use = async (id: string, at: string, quantity: number, meter = 'tokens') => {
  const event = { usage_event_id: id, customer_id: 'acme', meter, quantity, occurred_at: at };
  const { status } = await scene.app.call('POST', '/v1/usage-events', event);
  expect(status).toBeLessThan(300);
};
const voidEvent = (id: string) =>
  scene.app.call('POST', '/v1/usage-events/void', { usage_event_id: id, reason: 'a mistake' });
const explained = async (id: string) => {
  const { body } = await scene.app.call('GET', `/v1/usage-events/${id}`);
  return body.meters[0];
};
const closeOctober = async () => {
  await scene.now('2026-11-01T00:40:00Z');
  await scene.app.call('POST', '/v1/period-closes', {});
};
/** Between two plans: what is recorded is surely seen by a plan a minute and more later. */
const minutesPass = () =>
  scene.app.pool.query(`
    SET session_replication_role = replica;
    UPDATE usage_event_key SET received_at = received_at - interval '5 minutes';
    UPDATE usage_event SET received_at = received_at - interval '5 minutes';
    UPDATE usage_entry SET received_at = received_at - interval '5 minutes';
    UPDATE push SET created_at = created_at - interval '5 minutes',
           first_attempt_at = first_attempt_at - interval '5 minutes';
    SET session_replication_role = DEFAULT`);
const seal = async () => {
  await scene.app.pool.query('UPDATE amendment_due SET due_at = now()');
  await scene.app.app.get(AmendmentSealer).run(scene.tenantId, () => false);
};
const entriesBehind = async (start: string, query = '') => {
  const { body } = await scene.app.call(
    'GET',
    `/v1/customers/acme/billing-periods/${start}/usage-events?meter=tokens${query}`,
  );
  return body.data.flatMap((event: any) =>
    event.entries.map((entry: any) => ({ ...entry, id: event.usage_event_id })),
  );
};
const sum = (entries: readonly any[]) => sumOf(entries.map(({ value }) => value));
const statement = async (start: string) =>
  (await scene.app.call('GET', `/v1/customers/acme/billing-periods/${start}?meter=tokens`)).body;

describe('a usage event, from its receipt to its invoice', () => {
  it('names the push of its own hour that told Stripe of it, and not those before and beside it', async () => {
    await use('first', '2026-10-30T10:10:00Z', 10);
    await scene.push();
    await minutesPass();
    await use('second', '2026-10-30T10:20:00Z', 5);
    await use('other hour', '2026-10-30T11:20:00Z', 7);
    await minutesPass();
    await scene.push();

    const first = await explained('first');
    const second = await explained('second');
    expect(first.pushes.map(({ value }: any) => value).sort()).toEqual(['10', '5', '7']);
    expect(second).toMatchObject({
      placement: 'own_period',
      period_start: OCTOBER,
      origin_period_start: OCTOBER,
      revision: 0,
      period_source: 'schedule',
      period_closed_at: null,
      invoice: null,
    });
    const pushOf = (value: string) => first.pushes.find((push: any) => push.value === value);
    expect(pushOf('5')).toMatchObject({
      status: 'delivered',
      kind: 'delta',
      hour: '2026-10-30T10:00:00.000Z',
      settled_by: 'answer',
      delivered_at: expect.any(String),
    });
    expect(first.entries).toMatchObject([
      { value: '10', carried_by: [{ identifier: pushOf('10').identifier }] },
    ]);
    expect(second.entries).toMatchObject([
      {
        value: '5',
        carried_by: [
          {
            identifier: pushOf('5').identifier,
            status: 'delivered',
            settled_by: 'answer',
            certain: true,
          },
        ],
      },
    ]);
  });

  it('says that a push is likely where it was planned as soon as the event was there', async () => {
    await use('first', '2026-10-30T10:10:00Z', 10);
    await scene.push();
    const { entries } = await explained('first');
    expect(entries[0].carried_by).toMatchObject([{ status: 'delivered', certain: false }]);
  });

  it('names no push where none has told of it yet', async () => {
    await use('first', '2026-10-30T10:10:00Z', 10);
    await scene.push();
    await minutesPass();
    await use('second', '2026-10-30T10:20:00Z', 5);
    expect((await explained('second')).entries).toMatchObject([{ value: '5', carried_by: [] }]);
  });

  it('is certain of what a close pushed, and tells that a reading confirmed it', async () => {
    await use('first', '2026-10-30T10:10:00Z', 10);
    await closeOctober();
    await scene.push();
    const before = await explained('first');
    expect(before.period_closed_at).toEqual(expect.any(String));
    expect(before.entries[0].carried_by).toMatchObject([{ status: 'delivered', certain: true }]);
    await scene.app.call('POST', '/v1/reconciliations', {});
    expect((await explained('first')).entries[0].carried_by).toMatchObject([
      { status: 'confirmed', settled_by: 'reading', certain: true },
    ]);
  });

  it('tells where late usage was carried, and that a void took something out', async () => {
    await use('first', '2026-10-30T10:10:00Z', 10);
    await closeOctober();
    await use('late', '2026-10-30T11:00:00Z', 4);
    await voidEvent('first');
    await scene.push();
    expect(await explained('late')).toMatchObject({
      placement: 'carried_forward',
      period_start: NOVEMBER,
      origin_period_start: OCTOBER,
      late: true,
    });
    const first = await explained('first');
    expect(first.entries).toMatchObject([
      { is_void: false, value: '10', period_start: OCTOBER, carried_by: [{ certain: true }] },
      { is_void: true, value: '-10', period_start: NOVEMBER, placement: 'carried_forward' },
    ]);
    // What came late belongs to the first hour of the period that it is carried into.
    const { carried_by } = (await explained('late')).entries[0];
    expect(carried_by).toMatchObject([{ identifier: first.entries[1].carried_by[0].identifier }]);
    const { pushes } = await explained('late');
    expect(pushes).toMatchObject([{ value: '-6', hour: NOVEMBER }]);
  });

  it('tells of an amendment, and pushes it from when it is frozen', async () => {
    await scene.app.call('PUT', '/v1/meters/tokens', { late_usage: 'amend' });
    await use('first', '2026-10-30T10:10:00Z', 10);
    await closeOctober();
    await scene.push();
    await use('late', '2026-10-30T10:15:00Z', 4);
    await scene.push();
    expect(await explained('late')).toMatchObject({
      placement: 'amendment',
      revision: 1,
      entries: [{ carried_by: [] }],
    });
    await seal();
    await scene.push();
    const { pushes, entries } = await explained('late');
    const amended = pushes.find(({ value }: any) => value === '4');
    expect(entries[0].carried_by).toMatchObject([{ identifier: amended.identifier }]);
  });

  it('names the invoice that bills its period', async () => {
    await scene.subscribe();
    await scene.fromStripe();
    await scene.now('2026-10-30T13:30:00Z');
    await use('first', '2026-10-30T13:00:00Z', 10);
    await scene.now('2026-11-30T12:00:10Z');
    const { data } = await scene.stripe.invoices.list({ status: 'draft' });
    await scene.event('invoice.created', data[0]!.id);
    await scene.finishCloses();
    await scene.push();
    expect(await explained('first')).toMatchObject({
      period_source: 'stripe',
      invoice: {
        id: data[0]!.id,
        status: 'draft',
        finalizes_at: expect.any(String),
        finalized_at: null,
      },
    });
    await scene.stripe.invoices.finalizeInvoice(data[0]!.id);
    await scene.event('invoice.finalized', data[0]!.id);
    expect((await explained('first')).invoice).toMatchObject({
      status: 'paid',
      finalizes_at: null,
      finalized_at: expect.any(String),
    });
  });

  it('names no push of the whole period for what lies before push_from', async () => {
    await scene.stripe.billing.meters.create({
      display_name: 'Peak',
      event_name: 'peak',
      default_aggregation: { formula: 'last' },
    });
    await scene.app.call('PUT', '/v1/meters/peak', {
      aggregation: 'max',
      stripe_event_name: 'peak',
      push: 'live',
      push_from: '2026-10-30T11:00:00Z',
    });
    await use('before', '2026-10-30T10:10:00Z', 100, 'peak');
    await use('after', '2026-10-30T11:10:00Z', 7, 'peak');
    await closeOctober();
    await scene.push();
    const { pushes, entries } = await explained('before');
    expect(pushes).toMatchObject([{ kind: 'total', value: '7' }]);
    expect(entries).toMatchObject([{ carried_by: [] }]);
    expect((await explained('after')).entries).toMatchObject([{ carried_by: [{ certain: true }] }]);
  });

  it('is not billable where its meter is not billed yet', async () => {
    await scene.app.call('PUT', '/v1/meters/later', {
      aggregation: 'sum',
      billing_starts_at: '2027-01-01T00:00:00Z',
    });
    await use('free', '2026-10-30T10:00:00Z', 3, 'later');
    expect(await explained('free')).toMatchObject({
      placement: 'not_billable',
      billable: false,
      pushes: [],
      invoice: null,
      entries: [{ value: '3', carried_by: [] }],
    });
  });
});

describe('the entries behind a statement', () => {
  it('add up to it, carried usage and voids included', async () => {
    await use('first', '2026-10-30T10:10:00Z', 10);
    await use('mistaken', '2026-10-30T10:20:00Z', 3);
    await voidEvent('mistaken');
    await closeOctober();
    await use('late', '2026-10-30T11:00:00Z', 4);
    await use('own', '2026-11-01T00:10:00Z', 20);
    await voidEvent('first');
    const october = await entriesBehind(OCTOBER);
    expect(october.map(({ id, value }: any) => `${id} ${value}`).sort()).toEqual([
      'first 10',
      'mistaken -3',
      'mistaken 3',
    ]);
    expect(sum(october)).toBe((await statement(OCTOBER)).value);
    const november = await entriesBehind(NOVEMBER);
    expect(november.map(({ id, value }: any) => `${id} ${value}`).sort()).toEqual([
      'first -10',
      'late 4',
      'own 20',
    ]);
    expect(sum(november)).toBe((await statement(NOVEMBER)).value);
    const carried = november.filter((entry: any) => entry.origin_period_start !== NOVEMBER);
    expect(sum(carried)).toBe((await statement(NOVEMBER)).carried_in);
  });

  it('are told of each amendment by its revision', async () => {
    await scene.app.call('PUT', '/v1/meters/tokens', { late_usage: 'amend' });
    await use('first', '2026-10-30T10:10:00Z', 10);
    await closeOctober();
    await use('late', '2026-10-30T11:00:00Z', 4);
    await voidEvent('first');
    const { value, amendments } = await statement(OCTOBER);
    expect(sum(await entriesBehind(OCTOBER))).toBe(value);
    expect(sum(await entriesBehind(OCTOBER, '&revision=1'))).toBe(amendments[0].value);
    expect(await entriesBehind(OCTOBER, '&revision=2')).toEqual([]);
    const answer = await scene.app.call(
      'GET',
      `/v1/customers/acme/billing-periods/${OCTOBER}/usage-events?meter=tokens&revision=-1`,
    );
    expect(answer.status).toBe(422);
  });
});
