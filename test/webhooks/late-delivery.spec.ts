import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openStripeScene, partsOf, type StripeScene } from '../support/stripe-scene.js';

describe('what is delivered of a period around the time its invoice becomes final', () => {
  let scene: StripeScene;
  beforeEach(async () => {
    scene = await openStripeScene('2026-11-10T12:00:00Z');
    await scene.subscribe();
    await scene.fromStripe();
    await scene.now('2026-12-10T12:00:10Z');
    await scene.use('2026-12-01T00:00:00Z', 3);
  });
  afterEach(() => scene[Symbol.asyncDispose]());

  const finalize = async (): Promise<string> => {
    const { data } = await scene.stripe.invoices.list({ status: 'draft' });
    await scene.stripe.invoices.finalizeInvoice(data[0]!.id);
    return data[0]!.id;
  };
  const statement = async (): Promise<any> => (await scene.statements())[0];
  const parts = async (): Promise<string[]> => partsOf(await statement());
  /** Finalized by hand, hours before its time, and nobody told us before we sent. */
  const overtaken = async (): Promise<string> => {
    const id = await finalize();
    await scene.now('2026-12-10T12:01:00Z');
    await scene.push();
    expect(await statement()).toMatchObject({ delivered_value: '3', invoice: null });
    await scene.event('invoice.finalized', id);
    return id;
  };

  it('is delivered where it came before', async () => {
    await scene.push();
    await scene.now('2026-12-10T12:01:00Z');
    await scene.event('invoice.finalized', await finalize());
    await scene.finishCloses();
    // At which time it was sent is not told by where the clock stands later.
    await scene.now('2026-12-12T12:00:00Z');
    await scene.push();
    expect(await parts()).toEqual(['3', '0', '0', '0', '0', '0', '0', '0']);
  });

  it('is unbillable where it came after, also once it is confirmed', async () => {
    await overtaken();
    await scene.finishCloses();
    await scene.push();
    expect(await statement()).toMatchObject({ status: 'closed', value: '3' });
    expect(await parts()).toEqual(['0', '0', '0', '0', '0', '0', '0', '3']);
    await scene.app.pool.query(`
      WITH confirmed AS (
        UPDATE push SET status = 'confirmed', transition_no = transition_no + 1
        RETURNING tenant_id, identifier, transition_no)
      INSERT INTO push_transition (tenant_id, identifier, transition_no, from_status, to_status, reason)
      SELECT tenant_id, identifier, transition_no, 'delivered', 'confirmed', 'test' FROM confirmed`);
    expect(await parts()).toEqual(['0', '0', '0', '0', '0', '0', '0', '3']);
    const pushes = await scene.app.call('GET', '/v1/pushes');
    expect(pushes.body.data).toMatchObject([{ status: 'confirmed', value: '3' }]);
    const flush = await scene.app.call('POST', '/v1/customers/acme/flushes', {});
    expect(flush.body).toMatchObject({ status: 'delivered' });
  });

  it('is found to be missing on the invoice all the same', async () => {
    await overtaken();
    await scene.finishCloses();
    await scene.now('2026-12-10T13:30:00Z');
    const { body } = await scene.app.call('POST', '/v1/reconciliations', { customer_id: 'acme' });
    expect(body.lanes).toMatchObject([
      { ours: '3', invoice: { verdict: 'underbilled', difference: '-3' } },
    ]);
  });

  it('is delivered again once another invoice than the void one bills it', async () => {
    await overtaken();
    const { pool } = scene.app;
    // Of nothing to pay Stripe voids none.
    await pool.query(`UPDATE stripe_invoice SET status = 'void'`);
    expect(await statement()).toMatchObject({ unbillable_value: '3', invoice: { status: 'void' } });
    await pool.query(`
      INSERT INTO stripe_invoice
      SELECT tenant_id, account_id, livemode, 'in_again', 'draft', '2026-12-10 14:00Z', NULL,
             '2026-12-10 13:00Z' FROM stripe_invoice;
      INSERT INTO invoice_period
      SELECT tenant_id, customer_no, meter_no, period_start, period_end, account_id, livemode, 'in_again'
        FROM invoice_period`);
    expect(await statement()).toMatchObject({ delivered_value: '3', unbillable_value: '0' });
    await pool.query(`UPDATE stripe_invoice SET status = 'open', finalizes_at = NULL,
      finalized_at = '2026-12-10 14:00Z' WHERE invoice_id = 'in_again'`);
    expect(await statement()).toMatchObject({ delivered_value: '3', unbillable_value: '0' });
  });
});
