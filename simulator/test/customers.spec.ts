import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DAY_MS, MONDAY, MONDAY_MS, openBilling, type BillingSandbox } from './support/billing.js';
import { errorOf } from './support/sandbox.js';

let billing: BillingSandbox;
beforeEach(async () => {
  billing = await openBilling();
});
afterEach(() => billing.simulator.stop());

describe('a customer that is deleted', () => {
  it('stays as a stub and loses its subscriptions', async () => {
    const { stripe, customer } = billing;
    const { id } = await billing.subscribe();
    await billing.send('3');
    const stub = { id: customer, object: 'customer', deleted: true };
    expect(await stripe.customers.del(customer)).toMatchObject(stub);
    const read = await stripe.customers.retrieve(customer);
    expect(read).toMatchObject(stub);
    expect(read).not.toHaveProperty('name');
    expect(await stripe.subscriptions.retrieve(id)).toMatchObject({
      status: 'canceled',
      ended_at: MONDAY,
    });
    await billing.at(MONDAY_MS + 3 * DAY_MS);
    expect(await billing.cycleInvoices()).toEqual([]);
    expect((await errorOf(stripe.customers.del(customer))).statusCode).toBe(404);
    expect((await errorOf(billing.subscribe())).code).toBe('resource_missing');
  });

  it('is told by events', async () => {
    const { stripe, customer } = billing;
    await billing.subscribe();
    await stripe.customers.del(customer);
    const { data } = await stripe.events.list({ limit: 2 });
    expect(data.map(({ type }) => type)).toEqual([
      'customer.deleted',
      'customer.subscription.deleted',
    ]);
    expect(data[0]?.data.object).toMatchObject({ id: customer, name: 'Ada' });
    expect(data[0]?.request?.id).toMatch(/^req_/);
  });

  it.each(['sync', 'async'] as const)('has its usage refused, %s', async (unknownCustomer) => {
    billing.simulator.setSwitches({ unknownCustomer });
    await billing.stripe.customers.del(billing.customer);
    if (unknownCustomer === 'sync') {
      const error = await errorOf(billing.send('1'));
      expect(error.message).toBe(`No such customer: '${billing.customer}'`);
    } else {
      await billing.send('1');
      expect(billing.simulator.rejections()).toMatchObject([
        { code: 'meter_event_customer_not_found' },
      ]);
    }
    expect(billing.simulator.ledger()).toEqual([]);
  });

  it('is gone also where every customer exists', async () => {
    const other = await openBilling({ autoCustomers: true });
    await other.stripe.customers.del('cus_any');
    expect(await other.stripe.customers.retrieve('cus_any')).toMatchObject({ deleted: true });
    expect((await errorOf(other.send('1', { customer: 'cus_any' }))).statusCode).toBe(400);
    await other.simulator.stop();
  });

  it('keeps what was drafted for it before', async () => {
    await billing.subscribe();
    await billing.send('3');
    await billing.at(MONDAY_MS + DAY_MS);
    await billing.stripe.customers.del(billing.customer);
    await billing.at(MONDAY_MS + 2 * DAY_MS);
    const [invoice] = await billing.cycleInvoices();
    expect(invoice).toMatchObject({ status: 'paid', lines: { data: [{ quantity: 3 }] } });
  });
});
