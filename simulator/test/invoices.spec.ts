import { afterEach, beforeEach, describe, expect, it } from 'vitest';
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
import { DAY, errorOf, HOUR } from './support/sandbox.js';

let billing: BillingSandbox;
beforeEach(async () => {
  billing = await openBilling();
});
afterEach(() => billing.simulator.stop());

const reopen = async (options: Parameters<typeof openBilling>[0]) => {
  await billing.simulator.stop();
  billing = await openBilling(options);
};

describe('the invoice of a cycle', () => {
  it('is a draft from the end of the period, and final and paid an hour later', async () => {
    await billing.subscribe();
    await billing.send('3');
    await billing.at(MONDAY_MS + DAY_MS - 1);
    expect(await billing.cycleInvoices()).toEqual([]);
    await billing.at(MONDAY_MS + DAY_MS);
    const [draft] = await billing.cycleInvoices();
    expect(draft).toMatchObject({
      status: 'draft',
      auto_advance: true,
      automatically_finalizes_at: MONDAY + DAY + HOUR,
      period_start: MONDAY,
      period_end: MONDAY + DAY,
      number: null,
    });
    await billing.at(MONDAY_MS + DAY_MS + HOUR_MS - 1);
    expect((await billing.cycleInvoices())[0]?.status).toBe('draft');
    await billing.at(MONDAY_MS + DAY_MS + HOUR_MS);
    const [final] = await billing.cycleInvoices();
    expect(final).toMatchObject({
      status: 'paid',
      total: 2,
      amount_paid: 2,
      automatically_finalizes_at: null,
      status_transitions: { finalized_at: MONDAY + DAY + HOUR, paid_at: MONDAY + DAY + HOUR },
    });
  });

  it('names on each line the price, the item and the period', async () => {
    const item = onlyItem(await billing.subscribe());
    await billing.at(MONDAY_MS + DAY_MS);
    const [line] = (await billing.cycleInvoices())[0]?.lines.data ?? [];
    expect(line?.period).toEqual({ start: MONDAY, end: MONDAY + DAY });
    expect(line?.pricing?.price_details?.price).toBe(billing.price.id);
    expect(line?.parent?.subscription_item_details?.subscription_item).toBe(item.id);
  });

  it('has usage from the start of the period on and before its end', async () => {
    await billing.subscribe();
    await billing.send('1', { timestamp: MONDAY - 1 });
    await billing.send('2', { timestamp: MONDAY });
    await billing.at(MONDAY_MS + DAY_MS);
    await billing.send('4', { timestamp: MONDAY + DAY - 1 });
    await billing.send('8', { timestamp: MONDAY + DAY });
    await billing.at(MONDAY_MS + 2 * DAY_MS + HOUR_MS);
    expect((await billing.cycleInvoices()).map(quantitiesOf)).toEqual([['6'], ['8']]);
  });

  it('has usage that is received before it is final, and none that comes later', async () => {
    await billing.subscribe();
    await billing.at(MONDAY_MS + DAY_MS + HOUR_MS - 1000);
    await billing.send('1', { timestamp: MONDAY + HOUR });
    await billing.at(MONDAY_MS + DAY_MS + HOUR_MS);
    await billing.send('2', { timestamp: MONDAY + HOUR });
    await billing.at(MONDAY_MS + 3 * DAY_MS);
    const [first, second] = await billing.cycleInvoices();
    expect(first && quantitiesOf(first)).toEqual(['1']);
    expect(second && quantitiesOf(second)).toEqual(['0']);
    const [told] = billing.simulator.invoices().filter(({ id }) => id === first?.id);
    expect(told?.lines).toMatchObject([{ quantity_decimal: '1', usage_now: '3' }]);
  });

  it('leaves out what is received in time and aggregated too late', async () => {
    await reopen({ switches: { aggregationLagMs: 10 * 60_000 } });
    await billing.subscribe();
    await billing.at(MONDAY_MS + DAY_MS + 45 * 60_000);
    await billing.send('1', { timestamp: MONDAY + HOUR });
    await billing.at(MONDAY_MS + DAY_MS + 55 * 60_000);
    await billing.send('2', { timestamp: MONDAY + HOUR });
    await billing.at(MONDAY_MS + DAY_MS + 2 * HOUR_MS);
    expect((await billing.cycleInvoices()).map(quantitiesOf)).toEqual([['1']]);
  });

  it('is exact to twelve places, and truncates the whole number beside it', async () => {
    await billing.subscribe();
    for (let sent = 0; sent < 3; sent += 1) await billing.send('0.1');
    await billing.send('1.000000000001');
    await billing.send('0.600000000001');
    await billing.at(MONDAY_MS + DAY_MS + HOUR_MS);
    const [line] = (await billing.cycleInvoices())[0]?.lines.data ?? [];
    expect(String(line?.quantity_decimal)).toBe('1.900000000002');
    expect(line).toMatchObject({ quantity: 1, amount: 1 });
  });

  it('bills 0 when the usage of the period is below 0', async () => {
    await billing.subscribe();
    await billing.send('3');
    await billing.send('-5');
    await billing.at(MONDAY_MS + DAY_MS + HOUR_MS);
    const [invoice] = await billing.cycleInvoices();
    expect(invoice && quantitiesOf(invoice)).toEqual(['0']);
    expect(billing.simulator.invoices().at(-1)?.lines[0]?.usage_now).toBe('-2');
  });

  it.each([
    ['count', '2'],
    ['last', '7'],
  ] as const)('bills a %s meter by its formula', async (formula, billed) => {
    const meter = await billing.stripe.billing.meters.create({
      display_name: 'Other',
      event_name: 'other',
      default_aggregation: { formula },
    });
    const price = await billing.stripe.prices.create({
      currency: 'usd',
      product: 'prod_x',
      unit_amount: 1,
      recurring: { interval: 'day', usage_type: 'metered', meter: meter.id },
    });
    await billing.subscribe({ items: [{ price: price.id }] });
    await billing.send('7', { event_name: 'other', timestamp: MONDAY + 60 });
    await billing.send('9', { event_name: 'other', timestamp: MONDAY + 30 });
    await billing.at(MONDAY_MS + 2 * DAY_MS + HOUR_MS);
    const [first, second] = await billing.cycleInvoices();
    expect(first && quantitiesOf(first)).toEqual([billed]);
    // A period without usage has no last value.
    expect(second && quantitiesOf(second)).toEqual(['0']);
  });

  it.each([
    ['billed', [['2'], ['10'], ['0']]],
    ['next_invoice', [['0'], ['6'], ['4']]],
  ] as const)(
    'has the day in which a period of a daily meter ends %s',
    async (partialWindow, billed) => {
      billing.simulator.setSwitches({ partialWindow });
      const meter = await billing.stripe.billing.meters.create({
        display_name: 'Daily',
        event_name: 'daily',
        default_aggregation: { formula: 'sum' },
        event_time_window: 'day',
      });
      const price = await billing.stripe.prices.create({
        currency: 'usd',
        product: 'prod_x',
        unit_amount: 1,
        recurring: { interval: 'day', usage_type: 'metered', meter: meter.id },
      });
      const anchor = MONDAY + 12 * HOUR;
      await billing.subscribe({ items: [{ price: price.id }], billing_cycle_anchor: anchor });
      for (const [hours, value] of [
        [1, '2'],
        [20, '6'],
        [25, '4'],
      ] as const) {
        await billing.at(MONDAY_MS + hours * HOUR_MS);
        await billing.send(value, { event_name: 'daily' });
      }
      await billing.at(MONDAY_MS + 2 * DAY_MS + 13 * HOUR_MS);
      expect((await billing.cycleInvoices()).map(quantitiesOf)).toEqual(billed);
    },
  );

  it('waits as long as the grace period says, and 72 hours at most', async () => {
    await reopen({ switches: { invoiceGraceMs: 72 * HOUR_MS } });
    await billing.subscribe({ items: [{ price: billing.price.id }], cancel_at_period_end: true });
    await billing.at(MONDAY_MS + 4 * DAY_MS - 1);
    expect((await billing.cycleInvoices())[0]?.status).toBe('draft');
    await billing.at(MONDAY_MS + 4 * DAY_MS);
    expect((await billing.cycleInvoices())[0]?.status).toBe('paid');
    const beyond = { invoiceGraceMs: 72 * HOUR_MS + 1 };
    expect(() => billing.simulator.setSwitches(beyond)).toThrow(RangeError);
  });

  it('is the same when the clock jumps over it as when it passes step by step', async () => {
    await billing.subscribe();
    await billing.send('5');
    billing.simulator.setClock(MONDAY_MS + 3 * DAY_MS + 2 * HOUR_MS);
    const invoices = await billing.cycleInvoices();
    expect(invoices.map(({ created }) => created)).toEqual([1, 2, 3].map((n) => MONDAY + n * DAY));
    expect(invoices.map(quantitiesOf)).toEqual([['5'], ['0'], ['0']]);
    expect(invoices.every(({ status }) => status === 'paid')).toBe(true);
    const finalized = invoices.map((one) => one.status_transitions.finalized_at);
    expect(finalized).toEqual([1, 2, 3].map((n) => MONDAY + n * DAY + HOUR));
  });
});

describe('an invoice in the hands of the client', () => {
  const draft = async () => {
    await billing.subscribe();
    await billing.at(MONDAY_MS + DAY_MS);
    const [invoice] = await billing.cycleInvoices();
    if (!invoice?.id) throw new Error('No draft.');
    return invoice.id;
  };

  it('is held by auto_advance=false until it is finalized', async () => {
    const id = await draft();
    await billing.stripe.invoices.update(id, { auto_advance: false });
    await billing.at(MONDAY_MS + DAY_MS + 20 * HOUR_MS);
    const held = await billing.stripe.invoices.retrieve(id);
    expect(held).toMatchObject({ status: 'draft', automatically_finalizes_at: null });
    await billing.send('4', { timestamp: MONDAY + DAY - 1 });
    const final = await billing.stripe.invoices.finalizeInvoice(id);
    // Nobody collects for an invoice that does not advance by itself.
    expect(final).toMatchObject({ status: 'open', total: 2 });
    expect(quantitiesOf(final)).toEqual(['4']);
    const paid = await billing.stripe.invoices.pay(id);
    expect(paid).toMatchObject({ status: 'paid', amount_remaining: 0 });
    const again = await errorOf(billing.stripe.invoices.finalizeInvoice(id));
    expect(again).toMatchObject({ statusCode: 400, code: 'invoice_not_editable' });
  });

  it('advances again, with a grace period anew when its time has passed', async () => {
    const id = await draft();
    await billing.stripe.invoices.update(id, { auto_advance: false });
    await billing.at(MONDAY_MS + DAY_MS + 5 * HOUR_MS);
    const told = await billing.stripe.invoices.update(id, { auto_advance: true });
    expect(told.automatically_finalizes_at).toBe(MONDAY + DAY + 6 * HOUR);
    await billing.at(MONDAY_MS + DAY_MS + 6 * HOUR_MS);
    expect((await billing.stripe.invoices.retrieve(id)).status).toBe('paid');
  });

  it('becomes final when it is told to', async () => {
    const id = await draft();
    const when = MONDAY + DAY + 20 * HOUR;
    await billing.stripe.invoices.update(id, { automatically_finalizes_at: when });
    await billing.at(when * 1000 - 1);
    expect((await billing.stripe.invoices.retrieve(id)).status).toBe('draft');
    await billing.at(when * 1000);
    expect((await billing.stripe.invoices.retrieve(id)).status).toBe('paid');
  });

  it('is voided while it is open, and not before or after', async () => {
    await billing.subscribe({ collection_method: 'send_invoice', days_until_due: 30 });
    await billing.send('4');
    await billing.at(MONDAY_MS + DAY_MS);
    const [invoice] = await billing.cycleInvoices();
    const id = invoice?.id ?? '';
    expect((await errorOf(billing.stripe.invoices.voidInvoice(id))).statusCode).toBe(400);
    await billing.at(MONDAY_MS + DAY_MS + HOUR_MS);
    const voided = await billing.stripe.invoices.voidInvoice(id);
    expect(voided).toMatchObject({ status: 'void', amount_remaining: 0 });
    expect((await errorOf(billing.stripe.invoices.voidInvoice(id))).statusCode).toBe(400);
    expect((await errorOf(billing.stripe.invoices.pay(id))).statusCode).toBe(400);
  });

  it('is found by customer, subscription and status', async () => {
    const id = await draft();
    const other = await billing.stripe.customers.create();
    const { stripe, customer } = billing;
    const [subscription] = (await stripe.subscriptions.list({ customer })).data;
    const ids = async (filter: object) =>
      (await stripe.invoices.list(filter)).data.map((one) => one.id);
    expect(await ids({ subscription: subscription?.id, status: 'draft' })).toEqual([id]);
    expect(await ids({ customer, status: 'open' })).toEqual([]);
    expect(await ids({ customer: other.id })).toEqual([]);
    expect((await ids({ customer })).length).toBe(2);
    expect(await ids({ created: { gt: MONDAY, lte: MONDAY + DAY } })).toEqual([id]);
    expect(await ids({ created: MONDAY + DAY })).toEqual([id]);
    expect((await errorOf(ids({ due_date: MONDAY }))).code).toBe('parameter_unknown');
    expect((await errorOf(stripe.invoices.retrieve('in_none'))).statusCode).toBe(404);
  });

  it('shows ten lines, and the others on pages', async () => {
    const { stripe, meter } = billing;
    const prices = await Promise.all(
      Array.from({ length: 12 }, () =>
        stripe.prices.create({
          currency: 'usd',
          product: 'prod_x',
          unit_amount: 1,
          recurring: { interval: 'day', usage_type: 'metered', meter: meter.id },
        }),
      ),
    );
    await billing.subscribe({ items: prices.map(({ id }) => ({ price: id })) });
    await billing.send('2');
    await billing.at(MONDAY_MS + DAY_MS + HOUR_MS);
    const [invoice] = await billing.cycleInvoices();
    expect(invoice?.lines).toMatchObject({ has_more: true, total_count: 12 });
    expect(invoice?.lines.data.length).toBe(10);
    expect(invoice?.total).toBe(24);
    const all = await stripe.invoices
      .listLineItems(invoice?.id ?? '', { limit: 5 })
      .autoPagingToArray({ limit: 100 });
    expect(all.map((line) => String(line.quantity_decimal))).toEqual(Array(12).fill('2'));
  });
});

describe('the first invoice of a subscription', () => {
  it('is final and paid at once, with no usage', async () => {
    const invoice = await billing.latestInvoice(await billing.subscribe());
    const reason = 'subscription_create';
    expect(invoice).toMatchObject({ status: 'paid', total: 0, billing_reason: reason });
    expect(quantitiesOf(invoice)).toEqual(['0']);
  });

  it('has the usage that a flexible subscription is backdated by', async () => {
    const params = { backdate_start_date: MONDAY - 2 * DAY };
    await billing.send('3', { timestamp: MONDAY - DAY });
    await billing.send('4', { timestamp: MONDAY - 2 * DAY - 1 });
    const invoice = await billing.latestInvoice(await billing.subscribe(params));
    expect(quantitiesOf(invoice)).toEqual(['3']);
    await billing.at(MONDAY_MS + DAY_MS + HOUR_MS);
    expect((await billing.cycleInvoices()).map(quantitiesOf)).toEqual([['0']]);
  });

  it('leaves that usage to the first cycle of a classic one', async () => {
    await billing.send('3', { timestamp: MONDAY - DAY });
    const subscription = await billing.subscribe({
      backdate_start_date: MONDAY - 2 * DAY,
      billing_mode: { type: 'classic' },
    });
    const invoice = await billing.latestInvoice(subscription);
    expect(quantitiesOf(invoice)).toEqual(['0']);
    await billing.at(MONDAY_MS + DAY_MS + HOUR_MS);
    expect((await billing.cycleInvoices()).map(quantitiesOf)).toEqual([['3']]);
  });
});

describe('a preview', () => {
  it('shows the usage so far and changes nothing', async () => {
    const { id } = await billing.subscribe();
    await billing.send('2.5');
    const preview = await billing.stripe.invoices.createPreview({ subscription: id });
    expect(preview).toMatchObject({ status: 'draft', billing_reason: 'upcoming' });
    expect(quantitiesOf(preview)).toEqual(['2.5']);
    expect(preview.period_end).toBe(MONDAY + DAY);
    expect(await billing.cycleInvoices()).toEqual([]);
  });
});
