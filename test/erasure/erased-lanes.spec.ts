import { afterEach, beforeEach, expect, it } from 'vitest';
import { Database } from '../../src/database/database.js';
import { disputeNamed, readReportedWindow } from '../../src/outbox/dispute.store.js';
import { lanePlaces } from '../../src/reconciliation/restore/place.store.js';
import { openStripeScene, type StripeScene } from '../support/stripe-scene.js';

let scene: StripeScene;
let db: Database;
beforeEach(async () => {
  scene = await openStripeScene('2026-10-30T12:00:00Z');
  db = scene.app.app.get(Database);
  await scene.use('2026-10-30T10:00:00Z', 10);
  await scene.push();
});
afterEach(() => scene[Symbol.asyncDispose]());

async function erase() {
  const path = '/v1/customers/acme/erasures';
  expect((await scene.app.call('POST', path, { reason: 'a test' })).status).toBe(200);
}
const rows = async (sql: string) => (await scene.app.pool.query(sql)).rows;
const reconciledLanes = async () =>
  (await scene.app.call('POST', '/v1/reconciliations', {})).body.lanes.length;

it('asks Stripe for nothing of an erased customer, and leaves its disputes to people', async () => {
  expect(await reconciledLanes()).toBe(1);
  expect(await lanePlaces(db.work, scene.tenantId)).toHaveLength(1);
  await erase();
  expect(await reconciledLanes()).toBe(0);
  expect(await lanePlaces(db.work, scene.tenantId)).toEqual([]);

  const [push] = await rows('SELECT identifier, account_id AS "accountId" FROM push');
  const account = { accountId: push.accountId, livemode: false };
  const at = Date.now() * 1_000;
  await db.work.transaction(async (tx) => {
    const code = 'meter_event_customer_not_found';
    const any = { stripeMeterId: null, eventName: null, from: 0, to: at + 60_000_000 };
    const window = { ...account, ...any, code, at };
    expect(await readReportedWindow(tx, scene.tenantId, window)).toBe(0);
    const reports = [{ name: push.identifier, code, message: 'No such customer' }];
    const named = await disputeNamed(tx, scene.tenantId, { ...account, reports, at });
    expect(named).toEqual([push.identifier]);
  });
  expect(await rows('SELECT status FROM push')).toEqual([{ status: 'disputed' }]);
  expect(await rows('SELECT * FROM push_reading')).toEqual([]);
});

it('keeps what another customer of ours was given of it at Stripe, to reckon with', async () => {
  const second = await scene.stripe.customers.create({ name: 'Second' });
  const change = { stripe_customer_id: second.id, from: 'now' };
  expect((await scene.app.call('PUT', '/v1/customers/acme', change)).status).toBe(200);
  const robin = { stripe_customer_id: scene.stripeCustomer };
  expect((await scene.app.call('PUT', '/v1/customers/robin', robin)).status).toBe(201);
  await erase();
  const places = await rows('SELECT stripe_customer_id AS at FROM push');
  expect(places).toEqual([{ at: scene.stripeCustomer }]);
  const again = { stripe_customer_id: scene.stripeCustomer, name: 'Red Robin' };
  expect((await scene.app.call('PUT', '/v1/customers/robin', again)).status).toBe(200);
});
