import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openStripeScene, partsOf, type StripeScene } from '../support/stripe-scene.js';

describe('an invoice that Stripe draws up', () => {
  let scene: StripeScene;
  beforeEach(async () => {
    scene = await openStripeScene('2026-11-10T12:00:00Z');
    await scene.subscribe();
    await scene.fromStripe();
    await scene.now('2026-12-10T12:00:10Z');
  });
  afterEach(() => scene[Symbol.asyncDispose]());

  const draftId = async (): Promise<string> => {
    const { data } = await scene.stripe.invoices.list({ status: 'draft' });
    return data[0]!.id;
  };
  const causeOf = (result: { effects: readonly any[] }): string =>
    result.effects.find(({ kind }) => kind === 'waiting')?.cause;

  it('waits until what it bills has arrived, and bills it', async () => {
    await scene.use('2026-12-10T11:59:00Z', 40);
    await scene.use('2026-12-10T12:00:00Z', 2);
    const id = await draftId();
    const first = await scene.event('invoice.created', id);
    expect([first.outcome, causeOf(first)]).toEqual(['waiting', 'not_closed']);
    await scene.finishCloses();
    expect(causeOf(await scene.event('invoice.created', id))).toBe('not_planned');
    await scene.push();
    const last = await scene.event('invoice.created', id);
    expect(last).toMatchObject({
      outcome: 'done',
      effects: [{ kind: 'invoiced' }, { kind: 'delivered' }],
    });
    const [statement] = await scene.statements();
    expect(statement).toMatchObject({
      status: 'closed',
      value: '40',
      delivered_value: '40',
      invoice: { id, status: 'draft', finalizes_at: expect.any(String) },
    });

    await scene.stripe.invoices.finalizeInvoice(id);
    const { lines } = await scene.stripe.invoices.retrieve(id);
    expect(lines.data.map((line) => line.quantity)).toEqual([40]);
    await scene.event('invoice.finalized', id);
    expect((await scene.statements())[0].invoice).toMatchObject({ id, finalizes_at: null });
  });

  it('does not wait for what is held for longer than a draft takes anyway', async () => {
    await scene.use('2026-12-01T00:00:00Z', 3);
    // A second subscription bills the same usage: nobody knows which of them is meant.
    await scene.subscribe({ backdate_start_date: Date.parse('2026-12-01T00:00:00Z') / 1_000 });
    const id = await draftId();
    await scene.event('invoice.created', id);
    await scene.finishCloses();
    await scene.push();
    expect((await scene.statements())[0]).toMatchObject({ held_value: '3' });
    const early = await scene.event('invoice.created', id);
    expect([early.outcome, causeOf(early)]).toEqual(['waiting', 'held']);
    await scene.app.call('POST', '/v1/test-clock', { now: '2026-12-10T12:57:00Z' });
    const late = await scene.event('invoice.created', id);
    expect(late.outcome).toBe('done');
    expect(late.effects.at(-1)).toMatchObject({ kind: 'left_behind', held: 1 });
  });

  it('leaves behind as unbillable what was not delivered when it became final', async () => {
    await scene.use('2026-12-01T00:00:00Z', 3);
    const id = await draftId();
    await scene.stripe.invoices.finalizeInvoice(id);
    await scene.event('invoice.finalized', id);
    await scene.finishCloses();
    await scene.push();
    const [statement] = await scene.statements();
    expect(statement).toMatchObject({ value: '3', unbillable_value: '3', held_value: '0' });
    expect(partsOf(statement)).toEqual(['0', '0', '0', '0', '0', '0', '0', '3']);
    expect(scene.simulator.ledger()).toEqual([]);
    // What comes from now on is late, and billed with the open period.
    await scene.use('2026-12-02T00:00:00Z', 4);
    expect((await scene.statements())[1]).toMatchObject({ value: '4', carried_in: '4' });
  });

  it('takes back what waits when it becomes final', async () => {
    await scene.use('2026-12-01T00:00:00Z', 3);
    const id = await draftId();
    await scene.event('invoice.created', id);
    await scene.finishCloses();
    scene.simulator.addFault({
      match: { path: '/v1/billing/meter_events' },
      count: 1,
      fault: '429Burst',
    });
    await scene.push();
    expect((await scene.statements())[0]).toMatchObject({ pending_value: '3' });
    expect(causeOf(await scene.event('invoice.created', id))).toMatch(/^not_(planned|delivered)$/);
    await scene.stripe.invoices.finalizeInvoice(id);
    await scene.event('invoice.finalized', id);
    await scene.push();
    expect((await scene.statements())[0]).toMatchObject({
      pending_value: '0',
      unbillable_value: '3',
    });
    expect(scene.simulator.ledger()).toEqual([]);
  });

  it('says nothing to us where it bills nothing of ours', async () => {
    const price = await scene.stripe.prices.create({
      currency: 'usd',
      product: (await scene.stripe.products.create({ name: 'Seat' })).id,
      unit_amount: 5,
      recurring: { interval: 'month' },
    });
    const other = await scene.stripe.subscriptions.create({
      customer: scene.stripeCustomer,
      items: [{ price: price.id, quantity: 1 }],
    });
    const { latest_invoice: id } = other;
    expect((await scene.event('invoice.created', id as string)).outcome).toBe('ignored');
    expect((await scene.event('invoice.created', 'in_none')).outcome).toBe('ignored');
  });
});

describe('a customer that is deleted at Stripe', () => {
  it('leaves its usage unbillable until it is mapped to another one', async () => {
    await using scene = await openStripeScene('2026-11-10T12:00:00Z');
    await scene.subscribe();
    await scene.fromStripe();
    await scene.now('2026-11-12T12:00:00Z');
    await scene.use('2026-11-11T00:00:00Z', 3);
    await scene.push();
    expect(await scene.event('customer.deleted', scene.stripeCustomer)).toMatchObject({
      outcome: 'ignored',
    });
    await scene.stripe.customers.del(scene.stripeCustomer);
    await scene.event('customer.deleted', scene.stripeCustomer);
    await scene.use('2026-11-11T12:00:00Z', 4);
    await scene.push();
    const [statement] = await scene.statements();
    expect(partsOf(statement)).toEqual(['3', '0', '0', '0', '0', '0', '0', '4']);
    expect(scene.counted('2026-11-01T00:00:00Z', '2027-01-01T00:00:00Z')).toBe(3);
  });
});
