import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FaultName } from '@countonce/stripe-simulator';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../support/temporary-folder.js';
import { due, NOVEMBER, only, sendAll } from './due-push.js';
import { EVENT_NAME, PushScene, SECRET_KEY, STRIPE_CUSTOMER } from './push-scene.js';

/** A target, and what the other end of it has. */
interface Subject {
  readonly env: Record<string, string>;
  /** The values that arrived, each once, in the order of their arrival. */
  arrived(scene: PushScene): string[];
}

const STRIPE = [
  ['stripe_v1', '/v1/billing/meter_events'],
  ['stripe_v2', '/v2/billing/meter_events'],
] as const;

function stripe(PUSH_TARGET: string): Subject {
  return { env: { PUSH_TARGET }, arrived: (scene) => scene.counted() };
}

function file(): Subject & { readonly path: string } {
  const path = join(temporaryFolder(), 'out', 'pushes.ndjson');
  const arrived = (): string[] => linesOf(path).map((line) => line.payload.value);
  return { path, env: { PUSH_TARGET: 'file', PUSH_FILE: path }, arrived };
}

function linesOf(path: string): any[] {
  if (!existsSync(path)) return [];
  return readFileSync(path, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));
}

function fault(scene: PushScene, path: string, kind: FaultName, count = 1): void {
  scene.simulator.addFault({
    match: { method: 'POST', path },
    count,
    fault: kind as 'resetBefore',
  });
}

/** Has the next call be made for real, and its answer lost with the process. */
async function dieAfterCall(scene: PushScene): Promise<void> {
  const { sender } = scene.process();
  const settler = { write: () => Promise.reject(new Error('the process died')) };
  const flow = sender['flow'].bind(sender);
  sender['flow'] = (tenantId, account) => ({
    ...flow(tenantId, account),
    send: (push) => sender['sendOne'](account, push, settler as never),
  });
  await expect(sender.send(scene.tenantId)).rejects.toThrow('the process died');
}

describe.each([
  ['stripe_v1', () => stripe('stripe_v1')],
  ['stripe_v2', () => stripe('stripe_v2')],
  ['file', file],
])('any target: %s', (target, open) => {
  it('gets what is due, and its name stands in the row', async () => {
    const subject = open();
    await using scene = await due(subject.env);
    await sendAll(scene);
    expect(await only(scene)).toMatchObject({ status: 'delivered', attempts: 1 });
    expect(subject.arrived(scene)).toEqual(['10']);
    const rows = await scene.db.work.query('SELECT target FROM push');
    expect(rows).toEqual([{ target }]);
    expect(await scene.standing(NOVEMBER)).toMatchObject({ delivered: '10', held: '0' });
  });

  it('gets a push once whose sender died after the call', async () => {
    const subject = open();
    await using scene = await due(subject.env);
    await dieAfterCall(scene);
    expect(await only(scene)).toMatchObject({ status: 'sending' });
    await scene.expireLeases();
    await sendAll(scene);
    expect(await only(scene)).toMatchObject({ status: 'delivered', attempts: 2 });
    expect(subject.arrived(scene)).toEqual(['10']);
  });

  it('gets what comes later as a push of its own', async () => {
    const subject = open();
    await using scene = await due(subject.env);
    await sendAll(scene);
    await scene.usage(NOVEMBER, '2026-11-10T10:05:00Z', '5');
    await scene.plan(NOVEMBER);
    await sendAll(scene);
    expect(subject.arrived(scene)).toEqual(['10', '5']);
  });

  it('gets nothing of what another has had to do with, where nobody knows what became of it', async () => {
    const subject = open();
    const other = target === 'stripe_v1' ? 'stripe_v2' : 'stripe_v1';
    await using scene = await due({ ...subject.env, PUSH_TARGET: other });
    fault(scene, other === 'stripe_v1' ? STRIPE[0][1] : STRIPE[1][1], 'lostResponse');
    await scene.process().sender.send(scene.tenantId);
    expect(await only(scene)).toMatchObject({ status: 'unknown', attempts: 1 });

    await scene.forgetBackOff();
    expect(await scene.process(subject.env).sender.send(scene.tenantId)).toBe(0);
    expect(await only(scene)).toMatchObject({ status: 'unknown', attempts: 1 });
    expect(scene.counted()).toEqual(['10']);
  });
});

describe.each(STRIPE)('Stripe through %s', (PUSH_TARGET, path) => {
  const open = (env = {}, options = {}) => due({ PUSH_TARGET, ...env }, options);

  it('counts once, whatever happens to a few calls', async () => {
    const kinds = fc.constantFrom<FaultName>(
      'lostResponse',
      'resetBefore',
      'truncatedBody',
      '500AfterCommit',
      '500BeforeCommit',
      '503',
      '429Burst',
      'lockTimeout',
      '409InFlight',
      'htmlBody',
    );
    await fc.assert(
      fc.asyncProperty(fc.array(kinds, { minLength: 1, maxLength: 3 }), async (faults) => {
        await using scene = await open();
        for (const kind of faults) fault(scene, path, kind);
        await sendAll(scene, 8);
        expect(await only(scene)).toMatchObject({ status: 'delivered' });
        expect(scene.counted()).toEqual(['10']);
      }),
      { numRuns: 8 },
    );
  });

  it('has an identifier that is taken before the first call stay unknown', async () => {
    await using scene = await open();
    const { identifier } = await only(scene);
    await takeIdentifier(scene, identifier, '10');
    await sendAll(scene);
    expect(await only(scene)).toMatchObject({
      status: 'unknown',
      reason: 'identifier_taken',
      attempts: 1,
    });
  });

  it('has an identifier that an attempt without an answer took be delivered', async () => {
    await using scene = await open();
    fault(scene, path, 'resetBefore');
    await sendAll(scene, 1);
    await takeIdentifier(scene, (await only(scene)).identifier, '10');
    await sendAll(scene);
    expect(await only(scene)).toMatchObject({ status: 'delivered', attempts: 2 });
    expect(scene.counted()).toEqual(['10']);
  });

  it('passes over a key that was used with another body', async () => {
    await using scene = await open();
    const { identifier } = await only(scene);
    await post(scene, path, identifier, { identifier: 'another', value: '99' });
    await sendAll(scene, 1);
    expect(await only(scene)).toMatchObject({ status: 'unknown', reason: 'idempotency_mismatch' });
    await sendAll(scene, 1);
    expect(await only(scene)).toMatchObject({ status: 'delivered', keyNo: 1 });
    expect(scene.counted()).toEqual(['99', '10']);
  });

  it('rejects for good what it refuses, and goes on when the meter is active again', async () => {
    await using scene = await open();
    const [{ id } = { id: '' }] = await scene.db.work.query<{ id: string }>(
      'SELECT stripe_meter_id AS id FROM stripe_meter',
    );
    await scene.stripe(`/v1/billing/meters/${id}/deactivate`, new URLSearchParams());
    await sendAll(scene);
    expect(await only(scene)).toMatchObject({ status: 'rejected', reason: 'archived_meter' });
    await scene.stripe(`/v1/billing/meters/${id}/reactivate`, new URLSearchParams());
    await scene.db.work.query(`UPDATE push_lane SET parked_at = parked_at - interval '6 minutes'`);
    await scene.db.work.query(`UPDATE stripe_meter SET read_at = read_at - interval '6 minutes'`);
    await scene.plan(NOVEMBER);
    await sendAll(scene);
    expect(scene.counted()).toEqual(['10']);
  });

  it('leaves a refusal after an attempt without an answer unknown', async () => {
    await using scene = await open({}, { autoCustomers: false });
    fault(scene, path, 'resetBefore');
    await sendAll(scene, 1);
    await sendAll(scene);
    expect(await only(scene)).toMatchObject({ status: 'unknown', attempts: 2 });
  });

  it('waits where another call for the customer is on its way', async () => {
    await using scene = await open();
    fault(scene, path, '409InFlight');
    await scene.process().sender.send(scene.tenantId);
    expect(await only(scene)).toMatchObject({ status: 'pending', attempts: 1, unknownAttempts: 0 });
  });

  it('takes over what surely never went through the other', async () => {
    await using scene = await open();
    fault(scene, path, '503');
    await scene.process().sender.send(scene.tenantId);
    expect(await only(scene)).toMatchObject({ status: 'pending', attempts: 1 });
    await scene.forgetBackOff();
    const other = STRIPE.find(([name]) => name !== PUSH_TARGET)![0];
    await scene.process({ PUSH_TARGET: other }).sender.send(scene.tenantId);
    expect(await only(scene)).toMatchObject({ status: 'delivered', attempts: 2 });
    expect(await scene.db.work.query('SELECT target FROM push')).toEqual([{ target: other }]);
  });

  it('is read back where the push went through the other and its window has passed', async () => {
    await using scene = await open({ READBACK_STABLE_SECONDS: '0' });
    fault(scene, path, 'lostResponse');
    await scene.process().sender.send(scene.tenantId);
    const other = STRIPE.find(([name]) => name !== PUSH_TARGET)![0];
    const later = scene.process({ PUSH_TARGET: other, PUSH_RESEND_WINDOW_SECONDS: '0' });
    expect(await later.sender.send(scene.tenantId)).toBe(0);
    await later.reader.read(scene.tenantId);
    expect(await only(scene)).toMatchObject({ status: 'delivered', attempts: 1 });
  });
});

describe('whole numbers above zero, which v2 alone takes', () => {
  const V2 = { PUSH_TARGET: 'stripe_v2' };

  it.each(['1.5', '-3'])('hold %s back, and send what becomes one', async (value) => {
    await using scene = await PushScene.open(V2);
    await scene.meter();
    await scene.customer();
    await scene.stripeMeter();
    await scene.period(NOVEMBER, '2026-12-01T00:00:00Z');
    await scene.now('2026-11-10T12:30:20Z');
    await scene.usage(NOVEMBER, '2026-11-10T09:05:00Z', value);
    await scene.plan(NOVEMBER);
    expect([await scene.pushes(), await scene.holds()]).toEqual([
      [],
      { value_not_accepted: value },
    ]);
    expect(await scene.standing(NOVEMBER)).toMatchObject({ held: value, pending: '0' });

    await scene.usage(NOVEMBER, '2026-11-10T09:07:00Z', value === '-3' ? '10' : '5.5');
    await scene.plan(NOVEMBER);
    await sendAll(scene);
    expect([scene.counted(), await scene.holds()]).toEqual([['7'], {}]);
  });

  it('hold a total back that is none', async () => {
    await using scene = await PushScene.open(V2);
    await scene.meter({ aggregation: 'last' });
    await scene.customer();
    await scene.stripeMeter('last');
    await scene.period(NOVEMBER, '2026-12-01T00:00:00Z');
    await scene.now('2026-11-10T12:30:20Z');
    await scene.usage(NOVEMBER, '2026-11-10T09:05:00Z', '0.5');
    await scene.plan(NOVEMBER);
    expect([await scene.pushes(), await scene.holds()]).toEqual([
      [],
      { value_not_accepted: '0.5' },
    ]);
  });

  it('are asked for no more where the account takes decimals', async () => {
    await using scene = await due({ ...V2, STRIPE_V2_VALUES: 'decimal' });
    await scene.usage(NOVEMBER, '2026-11-10T10:05:00Z', '0.25');
    await scene.plan(NOVEMBER);
    await sendAll(scene);
    expect(scene.counted()).toEqual(['10', '0.25']);
  });

  it('take back what waited for v1', async () => {
    await using scene = await due();
    await scene.usage(NOVEMBER, '2026-11-10T10:05:00Z', '0.25');
    await scene.plan(NOVEMBER);
    const process = scene.process(V2);
    await process.worker.drain(scene.tenantId);
    expect(await scene.pushes()).toMatchObject([
      { value: '10', status: 'delivered' },
      { value: '0.25', status: 'rejected', reason: 'value_not_accepted' },
    ]);
    while ((await process.planner.plan(scene.tenantId)) > 0);
    expect(await scene.holds()).toEqual({ value_not_accepted: '0.25' });
    expect(await scene.standing(NOVEMBER)).toMatchObject({ delivered: '10', held: '0.25' });
  });
});

describe('the file', () => {
  it('needs no Stripe, and has what Stripe would be sent', async () => {
    const { path, env } = file();
    const nowhere = { STRIPE_SECRET_KEY: '', STRIPE_API_BASE: 'http://127.0.0.1:1' };
    await using scene = await due({ ...env, ...nowhere });
    await sendAll(scene);
    const { identifier } = await only(scene);
    expect(linesOf(path)).toEqual([
      {
        identifier,
        event_name: EVENT_NAME,
        payload: { stripe_customer_id: STRIPE_CUSTOMER, value: '10' },
        timestamp: Date.parse('2026-11-10T09:00:00Z') / 1_000,
        account: 'file',
        idempotency_key: identifier,
      },
    ]);
  });

  it('takes a push again at any time', async () => {
    const { path, env } = file();
    await using scene = await due(env);
    await dieAfterCall(scene);
    await scene.expireLeases();
    await scene.db.work.query(
      `UPDATE push SET first_attempt_at = first_attempt_at - interval '300 days'`,
    );
    await sendAll(scene);
    expect(await only(scene)).toMatchObject({ status: 'delivered' });
    expect(linesOf(path)).toHaveLength(1);
  });

  it('tells of a line that somebody else wrote under the identifier', async () => {
    const { path, env } = file();
    await using scene = await due(env);
    await scene.process().sender.send(scene.tenantId);
    const { identifier } = await only(scene);
    await scene.db.work.query(`DELETE FROM push_work`);
    await scene.usage(NOVEMBER, '2026-11-10T10:05:00Z', '5');
    await scene.plan(NOVEMBER);
    const second = (await scene.pushes()).find((push) => push.identifier !== identifier)!;
    appendFileSync(path, `${JSON.stringify({ identifier: second.identifier })}\n`);
    await scene.process().sender.send(scene.tenantId);
    const pushes = await scene.pushes();
    expect(pushes.find((push) => push.identifier === second.identifier)).toMatchObject({
      status: 'unknown',
      reason: 'identifier_taken',
    });
  });
});

/** Somebody sends an event under a push's identifier, by the API that the push does not take. */
async function takeIdentifier(scene: PushScene, identifier: string, value: string): Promise<void> {
  await post(scene, STRIPE[0][1], `of ${identifier}`, { identifier, value });
}

async function post(
  scene: PushScene,
  path: string,
  key: string,
  { identifier, value }: { identifier: string; value: string },
): Promise<void> {
  const isV2 = path.startsWith('/v2');
  const timestamp = Date.parse('2026-11-10T09:00:00Z');
  const body = isV2
    ? JSON.stringify({
        event_name: EVENT_NAME,
        identifier,
        timestamp: new Date(timestamp).toISOString(),
        payload: { stripe_customer_id: STRIPE_CUSTOMER, value },
      })
    : new URLSearchParams({
        event_name: EVENT_NAME,
        identifier,
        timestamp: String(timestamp / 1_000),
        'payload[stripe_customer_id]': STRIPE_CUSTOMER,
        'payload[value]': value,
      });
  const headers = {
    authorization: `Bearer ${SECRET_KEY}`,
    'idempotency-key': key,
    ...(isV2 && { 'content-type': 'application/json' }),
  };
  const response = await fetch(`${scene.simulator.url}${path}`, { method: 'POST', headers, body });
  expect(response.status).toBe(200);
}
