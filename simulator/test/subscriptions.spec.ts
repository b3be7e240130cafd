import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type Stripe from 'stripe';
import {
  DAY_MS,
  HOUR_MS,
  MONDAY,
  MONDAY_MS,
  onlyItem,
  openBilling,
  quantitiesOf,
  type BillingSandbox,
} from './support/billing.js';
import { DAY, errorOf, HOUR, oracle } from './support/sandbox.js';

let billing: BillingSandbox;
beforeEach(async () => {
  billing = await openBilling();
});
afterEach(() => billing.simulator.stop());

const periodOf = ({
  current_period_start: start,
  current_period_end: end,
}: Stripe.SubscriptionItem) => [start, end] as const;
const meteredPrice = (interval: Stripe.PriceCreateParams.Recurring['interval'], count = 1) =>
  billing.stripe.prices.create({
    currency: 'usd',
    product: 'prod_x',
    unit_amount: 10,
    recurring: {
      interval,
      interval_count: count,
      usage_type: 'metered',
      meter: billing.meter.id,
    },
  });
const at = (...date: Parameters<typeof Date.UTC>) => Date.UTC(...date) / 1000;

describe('a price', () => {
  it('of usage has an active meter', async () => {
    const { stripe, meter } = billing;
    expect(billing.price).toMatchObject({ type: 'recurring', unit_amount: null });
    const recurring = { interval: 'month', usage_type: 'metered' } as const;
    const make = (more: object) =>
      stripe.prices.create({
        currency: 'usd',
        product: 'p',
        unit_amount: 1,
        recurring: { ...recurring, ...more },
      });
    expect((await errorOf(make({}))).param).toBe('recurring[meter]');
    expect((await errorOf(make({ meter: 'mtr_none' }))).code).toBe('resource_missing');
    await stripe.billing.meters.deactivate(meter.id);
    expect((await errorOf(make({ meter: meter.id }))).statusCode).toBe(400);
  });

  it('is found by its meter and by whether it is active', async () => {
    const { stripe, meter, price } = billing;
    const other = await meteredPrice('month');
    await stripe.prices.update(other.id, { active: false });
    const { data } = await stripe.prices.list({
      active: true,
      recurring: { meter: meter.id },
    });
    expect(data.map(({ id }) => id)).toEqual([price.id]);
    expect((await stripe.prices.retrieve(other.id)).active).toBe(false);
  });
});

describe('the periods of items', () => {
  it('are on the items, and roll on without gaps', async () => {
    const created = await billing.subscribe();
    expect(created).not.toHaveProperty('current_period_start');
    expect(periodOf(onlyItem(created))).toEqual([MONDAY, MONDAY + DAY]);
    await billing.at(MONDAY_MS + 2 * DAY_MS);
    const later = await billing.stripe.subscriptions.retrieve(created.id);
    expect(periodOf(onlyItem(later))).toEqual([MONDAY + 2 * DAY, MONDAY + 3 * DAY]);
  });

  it('end at the last day of a month that lacks the day of the anchor', async () => {
    const { price } = { price: await meteredPrice('month') };
    await billing.at(Date.UTC(2026, 7, 31, 10, 20, 30));
    const { id } = await billing.subscribe({ items: [{ price: price.id }] });
    const ends: number[] = [];
    for (let month = 0; month < 4; month += 1) {
      const end = onlyItem(await billing.stripe.subscriptions.retrieve(id)).current_period_end;
      ends.push(end);
      await billing.at(end * 1000);
    }
    expect(ends).toEqual([
      at(2026, 8, 30, 10, 20, 30),
      at(2026, 9, 31, 10, 20, 30),
      at(2026, 10, 30, 10, 20, 30),
      at(2026, 11, 31, 10, 20, 30),
    ]);
  });

  it.each([
    ['day', 2, MONDAY + 2 * DAY],
    ['week', 1, MONDAY + 7 * DAY],
    ['month', 3, at(2026, 8, 1)],
    ['year', 1, at(2027, 5, 1)],
  ] as const)('are of one %s times %i', async (interval, count, end) => {
    const price = await meteredPrice(interval, count);
    const subscription = await billing.subscribe({ items: [{ price: price.id }] });
    expect(periodOf(onlyItem(subscription))).toEqual([MONDAY, end]);
  });

  it('begin with a stub when the anchor is elsewhere', async () => {
    const price = await meteredPrice('month');
    const anchor = at(2026, 5, 11, 6);
    const params = { items: [{ price: price.id }], billing_cycle_anchor: anchor };
    const { id, items } = await billing.subscribe(params);
    expect(items.data.map(periodOf)).toEqual([[MONDAY, anchor]]);
    await billing.at(anchor * 1000);
    const later = await billing.stripe.subscriptions.retrieve(id);
    expect(later.items.data.map(periodOf)).toEqual([[anchor, at(2026, 6, 11, 6)]]);
  });

  it('differ between items of different intervals, and each is billed at its end', async () => {
    const weekly = await meteredPrice('week');
    await billing.subscribe({ items: [{ price: billing.price.id }, { price: weekly.id }] });
    await billing.send('2');
    await billing.at(MONDAY_MS + 7 * DAY_MS + HOUR_MS);
    const invoices = await billing.cycleInvoices();
    expect(invoices.length).toBe(7);
    expect(invoices[0] && quantitiesOf(invoices[0])).toEqual(['2']);
    expect(invoices[6] && quantitiesOf(invoices[6])).toEqual(['0', '2']);
  });

  it('start anew when the cycle is restarted, and the usage so far is billed', async () => {
    const { id } = await billing.subscribe({
      items: [{ price: (await meteredPrice('month')).id }],
    });
    await billing.send('2');
    await billing.at(MONDAY_MS + 3 * DAY_MS);
    const params = { billing_cycle_anchor: 'now' } as unknown as Stripe.SubscriptionUpdateParams;
    const moved = await billing.stripe.subscriptions.update(id, params);
    expect(moved.items.data.map(periodOf)).toEqual([[MONDAY + 3 * DAY, at(2026, 6, 4)]]);
    const invoice = await billing.latestInvoice(moved);
    expect(invoice.billing_reason).toBe('subscription_update');
    expect(invoice.lines.data[0]?.period).toEqual({ start: MONDAY, end: MONDAY + 3 * DAY });
    expect(quantitiesOf(invoice)).toEqual(['2']);
  });
});

describe('a trial', () => {
  it.each([
    ['free', '0'],
    ['billed', '3'],
  ] as const)('ends with its usage %s', async (trialUsage, quantity) => {
    billing.simulator.setSwitches({ trialUsage });
    const trialEnd = MONDAY + 3 * DAY;
    const { id, status, items } = await billing.subscribe({ trial_end: trialEnd });
    expect(status).toBe('trialing');
    expect(items.data.map(periodOf)).toEqual([[MONDAY, trialEnd]]);
    await billing.send('3');
    await billing.at(trialEnd * 1000 + HOUR_MS);
    const after = await billing.stripe.subscriptions.retrieve(id);
    expect(after.status).toBe('active');
    expect(after.items.data.map(periodOf)).toEqual([[trialEnd, trialEnd + DAY]]);
    expect((await billing.cycleInvoices()).map(quantitiesOf)).toEqual([[quantity]]);
  });

  it('can be ended early', async () => {
    const { id } = await billing.subscribe({ trial_end: MONDAY + 3 * DAY });
    await billing.at(MONDAY_MS + HOUR_MS);
    const ended = await billing.stripe.subscriptions.update(id, { trial_end: 'now' });
    expect(ended).toMatchObject({ status: 'active', trial_end: MONDAY + HOUR });
    expect(ended.items.data.map(periodOf)).toEqual([[MONDAY + HOUR, MONDAY + HOUR + DAY]]);
  });
});

describe('the end of a subscription', () => {
  it('at its period end bills the usage', async () => {
    const { id } = await billing.subscribe();
    const told = await billing.stripe.subscriptions.update(id, { cancel_at_period_end: true });
    expect(told).toMatchObject({ status: 'active', cancel_at: MONDAY + DAY });
    await billing.send('2');
    await billing.at(MONDAY_MS + 5 * DAY_MS);
    const gone = await billing.stripe.subscriptions.retrieve(id);
    expect(gone).toMatchObject({ status: 'canceled', ended_at: MONDAY + DAY });
    expect((await billing.cycleInvoices()).map(quantitiesOf)).toEqual([['2']]);
  });

  it('can be called off', async () => {
    const { id } = await billing.subscribe({ cancel_at_period_end: true });
    await billing.stripe.subscriptions.update(id, { cancel_at_period_end: false });
    await billing.at(MONDAY_MS + 2 * DAY_MS);
    expect((await billing.stripe.subscriptions.retrieve(id)).status).toBe('active');
  });

  it('at a chosen time bills the usage until then', async () => {
    const { id } = await billing.subscribe({ cancel_at: MONDAY + 6 * HOUR });
    await billing.send('2', { timestamp: MONDAY + 60 });
    await billing.at(MONDAY_MS + 6 * HOUR_MS);
    await billing.send('4', { timestamp: MONDAY + 6 * HOUR });
    await billing.at(MONDAY_MS + 8 * HOUR_MS);
    expect((await billing.stripe.subscriptions.retrieve(id)).status).toBe('canceled');
    expect((await billing.cycleInvoices()).map(quantitiesOf)).toEqual([['2']]);
  });

  it.each([
    [true, [['2']]],
    [false, []],
    [undefined, []],
  ])('at once with invoice_now %s bills %j', async (invoiceNow, billed) => {
    const { id } = await billing.subscribe();
    await billing.send('2');
    await billing.at(MONDAY_MS + 6 * HOUR_MS);
    const params = invoiceNow === undefined ? {} : { invoice_now: invoiceNow };
    const gone = await billing.stripe.subscriptions.cancel(id, params);
    expect(gone).toMatchObject({ status: 'canceled', ended_at: MONDAY + 6 * HOUR });
    await billing.at(MONDAY_MS + 3 * DAY_MS);
    const told = billing.simulator
      .invoices()
      .filter((one) => one.billing_reason !== 'subscription_create');
    expect(told.map(({ lines }) => lines.map((line) => line.quantity_decimal))).toEqual(billed);
    if (invoiceNow) {
      expect(told[0]?.lines[0]?.period).toEqual({ start: MONDAY, end: MONDAY + 6 * HOUR });
    }
    expect((await errorOf(billing.stripe.subscriptions.cancel(id))).statusCode).toBe(404);
  });
});

describe('a pause', () => {
  it('bills the usage before it and the usage after it, and nothing in between', async () => {
    const { id } = await billing.subscribe({
      items: [{ price: (await meteredPrice('month')).id }],
    });
    await billing.send('1');
    await billing.at(MONDAY_MS + HOUR_MS);
    const paused = await billing.stripe.subscriptions.pause(id);
    expect(paused.status).toBe('paused');
    await billing.send('2');
    await billing.at(MONDAY_MS + 40 * DAY_MS);
    expect(await billing.cycleInvoices()).toEqual([]);
    const resumed = await billing.stripe.subscriptions.resume(id);
    const start = MONDAY + 40 * DAY;
    expect(resumed.items.data.map(({ current_period_start: from }) => from)).toEqual([start]);
    await billing.send('4');
    await billing.at((onlyItem(resumed).current_period_end + HOUR) * 1000);
    expect((await billing.cycleInvoices()).map(quantitiesOf)).toEqual([['1', '4']]);
  });

  it('of collection keeps drafts', async () => {
    const { id } = await billing.subscribe();
    await billing.stripe.subscriptions.update(id, {
      pause_collection: { behavior: 'keep_as_draft' },
    });
    await billing.at(MONDAY_MS + DAY_MS + 2 * HOUR_MS);
    expect(await billing.cycleInvoices()).toMatchObject([{ status: 'draft', auto_advance: false }]);
  });
});

describe('items', () => {
  it('that are added count from then on, and those removed until then', async () => {
    const { stripe } = billing;
    const { id } = await billing.subscribe();
    await billing.send('1');
    await billing.at(MONDAY_MS + HOUR_MS);
    const other = await meteredPrice('day');
    const added = await stripe.subscriptionItems.create({ subscription: id, price: other.id });
    expect(periodOf(added)).toEqual([MONDAY + HOUR, MONDAY + DAY]);
    await billing.send('2');
    await billing.at(MONDAY_MS + 2 * HOUR_MS);
    const first = (await stripe.subscriptionItems.list({ subscription: id })).data[0];
    const removed = await stripe.subscriptionItems.del(first?.id ?? '');
    expect(removed).toEqual(expect.objectContaining({ id: first?.id, deleted: true }));
    await billing.send('4');
    await billing.at(MONDAY_MS + DAY_MS + HOUR_MS);
    // The removed item: 1 + 2, until it went. The added one: 2 + 4, from when it came.
    expect((await billing.cycleInvoices()).map(quantitiesOf)).toEqual([['3', '6']]);
  });

  it.each([
    ['flexible', ['1', '2']],
    ['classic', ['2']],
  ] as const)('with a new price in %s mode bill %j', async (type, billed) => {
    const subscription = await billing.subscribe({ billing_mode: { type } });
    const { id } = onlyItem(subscription);
    const other = await meteredPrice('day');
    await billing.send('1');
    await billing.at(MONDAY_MS + HOUR_MS);
    const items = [{ id, price: other.id }];
    await billing.stripe.subscriptions.update(subscription.id, { items });
    await billing.send('2');
    await billing.at(MONDAY_MS + 2 * DAY_MS + HOUR_MS);
    const [first, second] = await billing.cycleInvoices();
    expect(first && quantitiesOf(first)).toEqual(billed);
    expect(second && quantitiesOf(second)).toEqual(['0']);
    const last = first?.lines.data.at(-1);
    expect(last?.period).toEqual({ start: MONDAY + HOUR, end: MONDAY + DAY });
    expect(last?.pricing?.price_details?.price).toBe(other.id);
  });

  it('with a fee are billed in advance beside the usage', async () => {
    const fee = await billing.stripe.prices.create({
      currency: 'usd',
      product: 'prod_x',
      unit_amount: 500,
      recurring: { interval: 'day' },
    });
    const subscription = await billing.subscribe({
      items: [{ price: fee.id, quantity: 3 }, { price: billing.price.id }],
    });
    expect((await billing.latestInvoice(subscription)).total).toBe(1500);
    await billing.send('2');
    await billing.at(MONDAY_MS + DAY_MS + HOUR_MS);
    const [invoice] = await billing.cycleInvoices();
    expect(invoice?.total).toBe(1501);
    expect(invoice?.lines.data.map(({ period }) => period.start)).toEqual([MONDAY, MONDAY + DAY]);
  });
});

describe('subscriptions', () => {
  it('are found by customer, status and price', async () => {
    const { stripe, customer, price } = billing;
    const gone = await billing.subscribe();
    await stripe.subscriptions.cancel(gone.id);
    const trial = await billing.subscribe({ trial_period_days: 3 });
    const ids = async (params: Stripe.SubscriptionListParams) =>
      (await stripe.subscriptions.list(params)).data.map(({ id }) => id);
    expect(await ids({ customer })).toEqual([trial.id]);
    expect(await ids({ customer, status: 'all' })).toEqual([trial.id, gone.id]);
    expect(await ids({ status: 'canceled', price: price.id })).toEqual([gone.id]);
    expect(await ids({ status: 'active' })).toEqual([]);
    expect(await ids({ price: 'price_other' })).toEqual([]);
  });

  it('need a customer and prices that exist', async () => {
    expect((await errorOf(billing.subscribe({ customer: 'cus_none' }))).code).toBe(
      'resource_missing',
    );
    const items = [{ price: 'price_none' }];
    expect((await errorOf(billing.subscribe({ items }))).code).toBe('resource_missing');
    const ended = { trial_end: MONDAY };
    expect((await errorOf(billing.subscribe(ended))).param).toBe('trial_end');
  });

  it('are told by the oracle', async () => {
    const { id } = await billing.subscribe();
    type Told = { subscriptions: { id: string; account: string }[] };
    const { body } = await oracle<Told>(billing.simulator, 'GET', '/_sim/subscriptions');
    expect(body.subscriptions).toMatchObject([{ id, account: expect.stringMatching(/^acct_/) }]);
    const invoices = await oracle<{ invoices: object[] }>(
      billing.simulator,
      'GET',
      '/_sim/invoices',
    );
    expect(invoices.body.invoices).toMatchObject([{ subscription: id, status: 'paid' }]);
  });
});
