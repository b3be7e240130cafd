import { afterEach, beforeEach, expect, it } from 'vitest';
import { Database } from '../../src/database/database.js';
import { withinTenant } from '../../src/database/tenant-scope.js';
import { Eraser } from '../../src/erasure/eraser.js';
import { ErasureService } from '../../src/erasure/erasure.service.js';
import { AmendmentSealer } from '../../src/periods/amendment-sealer.js';
import { insertEvent } from '../../src/webhooks/stripe-inbox.store.js';
import { openStripeScene, type StripeScene } from '../support/stripe-scene.js';
import { placesOfAll } from './database-texts.js';

let scene: StripeScene;
beforeEach(async () => {
  scene = await openStripeScene('2026-10-30T12:00:00Z');
  await scene.use('2026-10-30T10:00:00Z', 10);
});
afterEach(() => scene[Symbol.asyncDispose]());

const erase = (headers: Record<string, string> = {}) =>
  scene.app.call('POST', '/v1/customers/acme/erasures', { reason: 'a test' }, headers);

it('is refused while usage is still to be pushed, and changes nothing', async () => {
  const refused = await erase();
  expect(refused).toMatchObject({
    status: 409,
    body: { code: 'customer_unsettled', unsettled: { periods: 1, pushes: 0, voids: 0 } },
  });
  expect((await scene.app.call('GET', '/v1/customers/acme')).status).toBe(200);
  await scene.push();
  expect((await erase()).status).toBe(200);
  expect(scene.simulator.ledger().map(({ value }) => value)).toEqual(['10']);
  // What was pushed is still known as such.
  const { rows } = await scene.app.pool.query(
    'SELECT value::int, status, stripe_customer_id AS "at" FROM push',
  );
  expect(rows).toMatchObject([{ value: 10, status: 'delivered' }]);
  expect(rows[0].at).toMatch(/^erased_[0-9a-f]{24}$/);
});

it('is refused while nobody knows whether a push arrived, until it is settled', async () => {
  await scene.push();
  await scene.app.pool.query(
    `INSERT INTO push_transition (tenant_id, identifier, transition_no, from_status, to_status, reason)
     SELECT tenant_id, identifier, transition_no + 1, status, 'disputed', 'reported' FROM push`,
  );
  await scene.app.pool.query(
    `UPDATE push SET status = 'disputed', reason = 'reported', transition_no = transition_no + 1`,
  );
  const refused = await erase();
  expect(refused.body).toMatchObject({ code: 'customer_unsettled', unsettled: { pushes: 1 } });
  const { rows } = await scene.app.pool.query('SELECT identifier FROM push');
  const path = `/v1/pushes/${rows[0].identifier}/resolutions`;
  await scene.app.call('POST', path, { as: 'delivered', reason: 'seen for acme' });
  expect((await erase()).status).toBe(200);
  expect(await placesOfAll(scene.app.pool, ['acme', scene.stripeCustomer])).toEqual({});
});

it('is refused while an amendment is sealed and nobody has written what it comes to', async () => {
  const { app, tenantId } = scene;
  await app.call('PUT', '/v1/meters/tokens', { late_usage: 'amend' });
  await scene.now('2026-11-01T00:40:00Z');
  await app.call('POST', '/v1/period-closes', {});
  await scene.push();
  await scene.use('2026-10-30T11:00:00Z', 5);
  await app.pool.query('UPDATE amendment_due SET due_at = now()');
  const sealer = app.app.get(AmendmentSealer);
  // The process ends here.
  await sealer['seal'](tenantId);
  expect((await erase()).body).toMatchObject({
    code: 'customer_unsettled',
    unsettled: { periods: 1 },
  });
  await sealer['write'](tenantId);
  await scene.push();
  expect((await erase()).status).toBe(200);
  expect(scene.simulator.ledger().map(({ value }) => value)).toEqual(['10', '5']);
});

it('is not kept from it by usage that goes nowhere', async () => {
  await scene.app.call('PUT', '/v1/customers/acme', { push: 'off' });
  expect((await erase()).status).toBe(200);
});

it('waits for what still needs the texts, and is ended by a worker', async () => {
  await scene.push();
  const db = scene.app.app.get(Database);
  await insertEvent(db.work, scene.tenantId, {
    eventId: 'evt_report',
    type: 'v1.billing.meter.error_report_triggered',
    objectId: 'mtr_1',
    livemode: false,
    accountId: null,
    eventAt: null,
    body: JSON.stringify({ errors: [scene.stripeCustomer] }),
  });
  const answer = await erase({ 'idempotency-key': 'erase-acme' });
  expect(answer).toMatchObject({ status: 202, body: { progress: { phase: 'stripe' } } });
  const eraser = scene.app.app.get(Eraser);
  await eraser.resume(scene.tenantId, () => false);
  const path = `/v1/erasures/${answer.body.id}`;
  expect((await scene.app.call('GET', path)).body.status).toBe('running');

  await scene.app.pool.query(
    `UPDATE stripe_event SET outcome = 'done', next_attempt_at = NULL, settled_at = now()`,
  );
  await eraser.resume(scene.tenantId, () => false);
  expect((await scene.app.call('GET', path)).body).toMatchObject({
    status: 'finished',
    progress: { phase: 'done' },
  });
  // The key that it was asked for by, too.
  expect(await placesOfAll(scene.app.pool, ['acme', scene.stripeCustomer])).toEqual({});
});

it('is not kept waiting by a command that nobody finishes, and answers it if it tells of it', async () => {
  await scene.push();
  const unfinished = (route: string, key: string, made: object, leaseS: number) =>
    scene.app.pool.query(
      `INSERT INTO command_answer (tenant_id, route, idempotency_key, request_hash, made, lease_until,
              fence, headers, created_at)
       VALUES ($1, $2, $3, sha256('x'), $4, now() + $5 * interval '1 second', 1, '{}', now())`,
      [scene.tenantId, route, key, JSON.stringify(made), leaseS],
    );
  await unfinished('POST /v1/voids', 'left', { id: 1 }, -1);
  await unfinished('POST /v1/voids', 'close-acme', { id: 2 }, -1);
  await unfinished('POST /v1/voids', 'made', { of: 'acme' }, -1);
  await unfinished('POST /v1/voids', 'at work', { id: 3 }, 600);
  const { status, body } = await erase();
  expect({ status, phase: body.progress.phase }).toEqual({ status: 202, phase: 'answers' });

  await scene.app.pool.query(
    `UPDATE command_answer SET lease_until = now() - interval '1 second' WHERE idempotency_key = 'at work'`,
  );
  await scene.app.app.get(Eraser).resume(scene.tenantId, () => false);
  expect((await scene.app.call('GET', `/v1/erasures/${body.id}`)).body.status).toBe('finished');
  const { rows } = await scene.app.pool.query(
    `SELECT regexp_replace(idempotency_key, '^erased_.*', 'erased') AS key, status, body, fence::int,
            made IS NULL AS "isEmpty", lease_until IS NULL AS "isFree"
       FROM command_answer WHERE route = 'POST /v1/voids' ORDER BY 1`,
  );
  const erased = { status: 200, body: '{"erased":true}', fence: 2, isEmpty: true, isFree: true };
  const left = { status: null, body: null, fence: 1, isEmpty: false, isFree: false };
  expect(rows).toEqual([
    { key: 'at work', ...left },
    { key: 'erased', ...erased },
    { key: 'left', ...left },
    { key: 'made', ...erased },
  ]);
});

it('is one with that which is under way, whatever the customer is called by', async () => {
  await scene.push();
  const service = scene.app.app.get(ErasureService);
  const id = await withinTenant(scene.tenantId, () =>
    service.begin(scene.tenantId, 'acme', { reason: 'a test' }),
  );
  const { rows } = await scene.app.pool.query('SELECT pseudonym FROM erasure');
  const path = `/v1/customers/${rows[0].pseudonym}/erasures`;
  const more = await scene.app.call('POST', path, { reason: 'again', texts: ['a nickname'] });
  expect(more).toMatchObject({ status: 409, body: { code: 'customer_unsettled' } });
  const again = await scene.app.call('POST', path, { reason: 'again' });
  expect(again).toMatchObject({ status: 200, body: { id, status: 'finished' } });
  // Once it is finished there is another.
  const other = await scene.app.call('POST', path, { reason: 'again' });
  expect(other.status).toBe(200);
  expect(other.body.id).not.toBe(id);
});

it('leaves an event of another customer to be worked on that has the id in it as something else', async () => {
  await scene.push();
  await scene.app.call('PUT', '/v1/customers/acme', { aliases: ['100'] });
  const insert = (eventId: string, body: object) =>
    insertEvent(scene.app.app.get(Database).work, scene.tenantId, {
      eventId,
      type: 'invoice.created',
      objectId: `in_${eventId}`,
      livemode: false,
      accountId: null,
      eventAt: null,
      body: JSON.stringify(body),
    });
  await insert('evt_1', { object: { customer: 'cus_other', amount: '100' } });
  await insert('evt_2', { object: { customer: 'cus_other', metadata: { of: 'acme' } } });
  await insert('evt_3', { object: { customer: scene.stripeCustomer } });
  expect(await erase()).toMatchObject({ status: 202, body: { progress: { phase: 'stripe' } } });
  const outcomes = async () =>
    (
      await scene.app.pool.query(
        `SELECT event_id AS id, outcome, body = '{}' AS "isErased" FROM stripe_event
          WHERE event_id ~ '^evt_[123]$' ORDER BY 1`,
      )
    ).rows;
  const untouched = { id: 'evt_1', outcome: 'pending', isErased: false };
  expect(await outcomes()).toEqual([
    untouched,
    { id: 'evt_2', outcome: 'pending', isErased: false },
    { id: 'evt_3', outcome: 'ignored', isErased: true },
  ]);
  await scene.app.pool.query(
    `UPDATE stripe_event SET outcome = 'done', next_attempt_at = NULL, settled_at = now()
      WHERE event_id = 'evt_2'`,
  );
  await scene.app.app.get(Eraser).resume(scene.tenantId, () => false);
  expect((await scene.app.pool.query('SELECT phase FROM erasure')).rows).toEqual([
    { phase: 'done' },
  ]);
  expect((await outcomes()).slice(0, 2)).toEqual([
    untouched,
    { id: 'evt_2', outcome: 'done', isErased: true },
  ]);
});
