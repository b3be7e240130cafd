import { afterEach, describe, expect, it } from 'vitest';
import type Stripe from 'stripe';
import type { Switches } from '../src/index.js';
import { DAY, errorOf, HOUR, NOON, openSandbox, type Sandbox } from './support/sandbox.js';

type Range = Pick<
  Stripe.Billing.MeterListEventSummariesParams,
  'start_time' | 'end_time' | 'value_grouping_window' | 'limit' | 'starting_after' | 'ending_before'
>;

const MIDNIGHT = NOON - 12 * HOUR;

let sandbox: Sandbox;
afterEach(() => sandbox.simulator.stop());

async function open(switches: Partial<Switches> = {}): Promise<Sandbox> {
  sandbox = await openSandbox({ switches });
  return sandbox;
}

function read(range: Range, meter = sandbox.meter.id) {
  const params = { customer: sandbox.customer, ...range };
  return sandbox.stripe.billing.meters.listEventSummaries(meter, params);
}

const values = (list: { data: { aggregated_value: number }[] }): number[] =>
  list.data.map((summary) => summary.aggregated_value);

describe('a summary without a window', () => {
  it('is one object that does not name the customer', async () => {
    const { send, meter } = await open();
    await send('1.5');
    await send('2');
    const list = await read({ start_time: NOON, end_time: NOON + 60 });
    expect(list.data).toEqual([
      {
        id: expect.stringMatching(/^mtrusg_test_/),
        object: 'billing.meter_event_summary',
        aggregated_value: 3.5,
        start_time: NOON,
        end_time: NOON + 60,
        livemode: false,
        meter: meter.id,
      },
    ]);
    expect(list).toMatchObject({
      object: 'list',
      has_more: false,
      url: `/v1/billing/meters/${meter.id}/event_summaries`,
    });
  });

  it('is there when there is no usage, and says 0', async () => {
    await open();
    expect(values(await read({ start_time: NOON, end_time: NOON + 60 }))).toEqual([0]);
  });

  it('has its start and not its end, so adjacent ranges share nothing', async () => {
    const { send } = await open();
    for (const timestamp of [NOON - 1, NOON, NOON + 59, NOON + 60]) await send('1', { timestamp });
    expect(values(await read({ start_time: NOON, end_time: NOON + 60 }))).toEqual([2]);
    expect(values(await read({ start_time: NOON + 60, end_time: NOON + 120 }))).toEqual([1]);
    expect(values(await read({ start_time: NOON - 60, end_time: NOON }))).toEqual([1]);
  });

  it('has the usage of its customer alone', async () => {
    const { send, stripe } = await open();
    const { id } = await stripe.customers.create();
    await send('1');
    await send('10', { customer: id });
    expect(values(await read({ start_time: NOON, end_time: NOON + 60 }))).toEqual([1]);
  });

  it('adds decimals exactly and sends a JSON number', async () => {
    const { send } = await open();
    for (let sent = 0; sent < 10; sent += 1) await send('0.1');
    await send('0.000000000001');
    expect(values(await read({ start_time: NOON, end_time: NOON + 60 }))).toEqual([1.000000000001]);
  });

  it.each([
    ['a start off the minute', { start_time: NOON + 1, end_time: NOON + 60 }],
    ['an end off the minute', { start_time: NOON, end_time: NOON + 61 }],
    ['an end at the start', { start_time: NOON, end_time: NOON }],
    ['a limit of 0', { start_time: NOON, end_time: NOON + 60, limit: 0 }],
    ['a limit of 101', { start_time: NOON, end_time: NOON + 60, limit: 101 }],
  ])('refuses %s', async (_case, range) => {
    await open();
    expect((await errorOf(read(range))).statusCode).toBe(400);
  });

  it('refuses a customer that does not exist', async () => {
    const { stripe, meter } = await open();
    const params = { customer: 'cus_none', start_time: NOON, end_time: NOON + 60 };
    const error = await errorOf(stripe.billing.meters.listEventSummaries(meter.id, params));
    expect(error).toMatchObject({ statusCode: 400, param: 'customer' });
  });
});

describe('summaries by window', () => {
  it('are newest first, by UTC hour, without the empty ones', async () => {
    const { send } = await open();
    const timestamps = [MIDNIGHT, MIDNIGHT + HOUR - 1, MIDNIGHT + 3 * HOUR];
    for (const timestamp of timestamps) await send('1', { timestamp });
    const range = { start_time: MIDNIGHT, end_time: MIDNIGHT + DAY };
    const list = await read({ ...range, value_grouping_window: 'hour' });
    const windows = list.data.map((one) => [one.start_time, one.end_time, one.aggregated_value]);
    expect(windows).toEqual([
      [MIDNIGHT + 3 * HOUR, MIDNIGHT + 4 * HOUR, 1],
      [MIDNIGHT, MIDNIGHT + HOUR, 2],
    ]);
  });

  it('are by UTC day', async () => {
    const { send } = await open();
    for (const timestamp of [MIDNIGHT - 1, MIDNIGHT]) await send('1', { timestamp });
    const range = { start_time: MIDNIGHT - DAY, end_time: MIDNIGHT + DAY };
    const list = await read({ ...range, value_grouping_window: 'day' });
    expect(list.data.map((one) => one.start_time)).toEqual([MIDNIGHT, MIDNIGHT - DAY]);
  });

  it('come in pages with cursors', async () => {
    const { send } = await open();
    for (let hour = 0; hour < 11; hour += 1) {
      await send(String(hour), { timestamp: MIDNIGHT + hour * HOUR });
    }
    const range = {
      start_time: MIDNIGHT,
      end_time: NOON,
      value_grouping_window: 'hour' as const,
    };
    const first = await read(range);
    expect([first.data.length, first.has_more]).toEqual([10, true]);
    const rest = await read({ ...range, starting_after: first.data[9]!.id });
    expect([values(rest), rest.has_more]).toEqual([[0], false]);
    const back = await read({ ...range, limit: 2, ending_before: rest.data[0]!.id });
    expect([values(back), back.has_more]).toEqual([[2, 1], true]);
  });

  it.each([
    ['hour', HOUR / 2],
    ['day', HOUR],
  ] as const)('refuse a range off the UTC %s', async (value_grouping_window, off) => {
    await open();
    const good = { start_time: MIDNIGHT, end_time: MIDNIGHT + DAY, value_grouping_window };
    await read(good);
    expect((await errorOf(read({ ...good, start_time: MIDNIGHT + off }))).statusCode).toBe(400);
    expect((await errorOf(read({ ...good, end_time: good.end_time + off }))).statusCode).toBe(400);
  });
});

describe('the formula', () => {
  const hour = { start_time: NOON - HOUR, end_time: NOON + HOUR };

  async function meterOf(
    formula: 'sum' | 'count' | 'last',
    event_time_window?: 'hour' | 'day',
  ): Promise<string> {
    const { id } = await sandbox.stripe.billing.meters.create({
      display_name: formula,
      event_name: 'other',
      default_aggregation: { formula },
      ...(event_time_window && { event_time_window }),
    });
    return id;
  }

  it('count is the number of events', async () => {
    const { send } = await open();
    const meter = await meterOf('count');
    for (const value of ['5', '7']) await send(value, { event_name: 'other' });
    expect(values(await read(hour, meter))).toEqual([2]);
  });

  it('last is by timestamp, of equal ones the last received, and 0 without usage', async () => {
    const { send } = await open();
    const meter = await meterOf('last');
    expect(values(await read(hour, meter))).toEqual([0]);
    await send('5', { event_name: 'other', timestamp: NOON });
    await send('7', { event_name: 'other', timestamp: NOON - 1 });
    expect(values(await read(hour, meter))).toEqual([5]);
    await send('9', { event_name: 'other', timestamp: NOON });
    expect(values(await read(hour, meter))).toEqual([9]);
  });

  it.each([
    ['hour', 2 + 4],
    ['day', 4],
  ] as const)('with an event window of a(n) %s keeps the last received', async (window, sum) => {
    const { send } = await open();
    const meter = await meterOf('sum', window);
    const hours = [NOON + 100, NOON, NOON - HOUR, NOON - HOUR];
    const sends = ['1', '2', '3', '4'].map((value, index) => ({ value, timestamp: hours[index]! }));
    for (const { value, timestamp } of sends) await send(value, { event_name: 'other', timestamp });
    expect(values(await read(hour, meter))).toEqual([sum]);
  });
});

describe('aggregation', () => {
  it('shows an event exactly when the lag has passed', async () => {
    const { send, simulator, counted } = await open({ aggregationLagMs: 60_000 });
    await send('5');
    simulator.advanceClock(59.999);
    expect(await counted()).toBe(0);
    simulator.advanceClock(0.001);
    expect(await counted()).toBe(5);
  });

  it('that is paused shows nothing until a flush', async () => {
    const { send, simulator, counted } = await open({ aggregationLagMs: 'paused' });
    await send('5');
    simulator.advanceClock(2 * DAY);
    expect(await counted()).toBe(0);
    expect(simulator.ledger()).toEqual([expect.objectContaining({ aggregated: false })]);
    simulator.flush();
    expect(await counted()).toBe(5);
  });

  it('read from a stale replica steps back every second time, and never ahead', async () => {
    const { send, simulator, counted } = await open({ staleReplicaMs: 60_000 });
    await send('5');
    simulator.advanceClock(30);
    expect([await counted(), await counted(), await counted()]).toEqual([5, 0, 5]);
    simulator.advanceClock(30);
    expect([await counted(), await counted()]).toEqual([5, 5]);
  });
});
