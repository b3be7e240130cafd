import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { HandlerResult } from '../../src/webhooks/stripe-event-handler.js';
import { deliver, done, eventBody, HELD_TYPE, openInbox, signed, TYPE } from './inbox-process.js';

const waiting = (): Promise<HandlerResult> =>
  Promise.resolve({ outcome: 'waiting', effects: [{ kind: 'pushes', left: 1 }] });

describe('an event of Stripe', () => {
  it('is written down as it came, once', async () => {
    await using scene = await openInbox();
    const process = scene.process();
    const body = eventBody('evt_1');
    expect(await deliver(process, body)).toBe('received');
    expect(await deliver(process, body)).toBe('copy');
    expect(await scene.rows()).toMatchObject([
      { event_id: 'evt_1', outcome: 'pending', body, attempts: 0 },
    ]);
  });

  it('leaves nothing behind where its signature is not right', async () => {
    await using scene = await openInbox();
    const process = scene.process();
    const body = eventBody('evt_1');
    const old = Math.floor(Date.now() / 1_000) - 301;
    const headers = ['', 'nonsense', signed(body, 'whsec_forged'), signed(body).replace(/\d/, '0')];
    for (const header of [...headers, signed(`${body} `), `t=${old},v1=00`]) {
      expect(await deliver(process, body, { header })).toBe('webhook_signature_invalid');
    }
    const reserialised = JSON.stringify(JSON.parse(body));
    const answer = await deliver(process, reserialised, { header: signed(body) });
    expect(answer).toBe('webhook_signature_invalid');
    expect(await scene.rows()).toEqual([]);
  });

  it('leaves nothing behind where it is signed and no event', async () => {
    await using scene = await openInbox();
    expect(await deliver(scene.process(), '{"id": "evt_1"}')).toBe('webhook_event_invalid');
    expect(await scene.rows()).toEqual([]);
  });

  it('may be signed by each of several secrets, while one is rolled', async () => {
    await using scene = await openInbox();
    const process = scene.process(done, { STRIPE_WEBHOOK_SECRET: 'whsec_new, whsec_old' });
    for (const secret of ['whsec_new', 'whsec_old']) {
      const body = eventBody(`evt_${secret}`);
      expect(await deliver(process, body, { header: signed(body, secret) })).toBe('received');
    }
  });

  it('is not taken without a secret', async () => {
    await using scene = await openInbox();
    const process = scene.process(done, { STRIPE_WEBHOOK_SECRET: '' });
    expect(await deliver(process, eventBody('evt_1'))).toBe('webhook_not_configured');
    const other = await scene.tenants.create('other');
    const theirs = await deliver(scene.process(), eventBody('evt_1'), { tenant: other });
    expect(theirs).toBe('webhook_not_configured');
  });

  it('of a tenant that is not there is answered like a bad signature', async () => {
    await using scene = await openInbox();
    const process = scene.process();
    const problemOf = async (tenant: string | undefined, header: string) => {
      const body = Buffer.from(eventBody('evt_1'));
      return (await process.inbox
        .receive(tenant, body, header)
        .catch((error: unknown) => error)) as Error;
    };
    const bad = await problemOf(undefined, 't=1,v1=00');
    for (const tenant of [randomUUID(), 'default', '%00', '']) {
      const absent = await problemOf(tenant, signed(eventBody('evt_1')));
      expect(absent).toMatchObject({ code: 'webhook_signature_invalid', message: bad.message });
    }
    expect(await deliver(process, eventBody('evt_1'), { tenant: scene.tenantId })).toBe('received');
  });

  it('of a type that nobody works on is ignored, and says so', async () => {
    await using scene = await openInbox();
    const process = scene.process();
    expect(await deliver(process, eventBody('evt_1', { type: 'charge.failed' }))).toBe('received');
    expect(await scene.rows()).toMatchObject([
      { outcome: 'ignored', effects: [{ kind: 'ignored', reason: 'no_handler' }] },
    ]);
  });
});

describe('an event that is answered when it is done', () => {
  it('is done before its answer', async () => {
    await using scene = await openInbox();
    const process = scene.process();
    const body = eventBody('evt_1', { type: HELD_TYPE });
    expect(await deliver(process, body)).toBe('received');
    expect(await scene.rows()).toMatchObject([{ outcome: 'done', attempts: 1 }]);
    expect(await deliver(process, body)).toBe('copy');
    expect(await scene.rows()).toMatchObject([{ outcome: 'done', attempts: 1 }]);
  });

  it('is 503 with Retry-After, copies too, until it is done', async () => {
    await using scene = await openInbox();
    const body = eventBody('evt_1', { type: HELD_TYPE });
    const problem = await scene
      .process(waiting)
      .inbox.receive(undefined, Buffer.from(body), signed(body))
      .catch((error: unknown) => error);
    expect(problem).toMatchObject({ status: 503, headers: { 'retry-after': '60' } });
    expect(await scene.rows()).toMatchObject([{ outcome: 'waiting' }]);

    const failing = scene.process(() => Promise.reject(new Error('no')));
    expect(await deliver(failing, body)).toBe('webhook_event_unfinished');
    expect(await scene.rows()).toMatchObject([
      { outcome: 'failed', last_error: 'no', effects: [{ kind: 'pushes', left: 1 }] },
    ]);

    expect(await deliver(scene.process(), body)).toBe('copy');
    expect(await scene.rows()).toMatchObject([{ outcome: 'done', attempts: 3, last_error: null }]);
    expect(await deliver(scene.process(waiting), body)).toBe('copy');
  });

  it('waits for whoever works on it', async () => {
    await using scene = await openInbox();
    const body = eventBody('evt_1', { type: HELD_TYPE });
    let finish: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const first = deliver(
      scene.process(async () => {
        await held;
        return done();
      }),
      body,
    );
    const claimed = async () => (await scene.rows())[0]?.attempts === 1;
    while (!(await claimed()));
    const second = deliver(scene.process(), body);
    finish();
    expect(await Promise.all([first, second])).toEqual(['received', 'copy']);
    expect(await scene.rows()).toMatchObject([{ outcome: 'done', attempts: 1 }]);
  });

  it('of the other mode is ignored, which Stripe need not send again', async () => {
    await using scene = await openInbox();
    const body = eventBody('evt_1', { type: HELD_TYPE, livemode: true });
    expect(await deliver(scene.process(waiting), body)).toBe('received');
    expect(await scene.rows()).toMatchObject([
      { outcome: 'ignored', effects: [{ kind: 'ignored', reason: 'other_mode' }] },
    ]);
  });
});

it('an event is each tenant its own, under one id', async () => {
  await using scene = await openInbox();
  const other = await scene.tenants.create('other');
  const process = scene.process();
  await scene.db.work.query(
    `INSERT INTO stripe_event (tenant_id, event_id, type, livemode, received_at, body, outcome,
                               effects, give_up_at, settled_at)
     VALUES ($1, 'evt_1', $2, false, now(), '{}', 'done', '[]', now(), now())`,
    [other, TYPE],
  );
  expect(await deliver(process, eventBody('evt_1'))).toBe('received');
  const { data } = await process.events.list(
    other,
    {},
    { list: 'events', after: undefined, limit: 10 },
  );
  expect(data.map(({ outcome }) => outcome)).toEqual(['done']);
});
