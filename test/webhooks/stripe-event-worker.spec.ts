import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parsePage } from '../../src/database/page.js';
import { StripeUnavailable } from '../../src/stripe/stripe-account.js';
import { claimEvents, settleEvent } from '../../src/webhooks/stripe-claim.store.js';
import type { HandlerResult } from '../../src/webhooks/stripe-event-handler.js';
import {
  deliver,
  done,
  eventBody,
  HELD_TYPE,
  openInbox,
  TYPE,
  type InboxProcess,
  type InboxScene,
} from './inbox-process.js';

const fail = (): Promise<HandlerResult> => Promise.reject(new Error('broken'));
const unavailable = (): Promise<HandlerResult> => Promise.reject(new StripeUnavailable('down'));

async function until(isTrue: () => Promise<boolean>): Promise<void> {
  while (!(await isTrue())) await new Promise((resume) => setTimeout(resume, 20));
}

async function attempt(scene: InboxScene, process: InboxProcess, times: number): Promise<void> {
  for (let at = 0; at < times; at++) {
    await scene.passTime();
    expect(await process.worker.work(scene.tenantId)).toBe(1);
  }
}

describe('the inbox', () => {
  it('has one effect of an event that comes 50 times at once to two processes', async () => {
    await using scene = await openInbox();
    let effects = 0;
    const count = (): Promise<HandlerResult> => {
      effects++;
      return done();
    };
    const processes = [scene.process(count), scene.process(count)];
    for (const { worker } of processes) worker.start();
    const bodies = [eventBody('evt_1'), eventBody('evt_2', { type: HELD_TYPE })];
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, at) => deliver(processes[at % 2]!, bodies[(at >> 1) % 2]!)),
    );
    await until(async () => (await scene.rows()).every(({ outcome }) => outcome === 'done'));
    await Promise.all(processes.map(({ worker }) => worker.stop()));
    expect(answers.filter((answer) => answer === 'received')).toHaveLength(2);
    expect(answers.filter((answer) => answer === 'copy')).toHaveLength(98);
    expect(effects).toBe(2);
    expect(await scene.rows()).toMatchObject([
      { outcome: 'done', attempts: 1 },
      { outcome: 'done', attempts: 1 },
    ]);
  });

  it('is worked off by another process where one died before it began, or in the middle', async () => {
    await using scene = await openInbox();
    await deliver(scene.process(), eventBody('evt_1'));
    const [dead] = await claimEvents(scene.db.work, scene.tenantId, 10);
    const process = scene.process();
    expect(await process.worker.work(scene.tenantId)).toBe(0);
    await scene.passTime();
    expect(await process.worker.work(scene.tenantId)).toBe(1);
    const result = {
      outcome: 'failed' as const,
      effects: [],
      fetched: undefined,
      failures: 1,
      lastError: 'late',
      nextAttemptAt: 0,
    };
    expect(await settleEvent(scene.db.work, dead!, result, 0)).toBe(false);
    expect(await scene.rows()).toMatchObject([
      { outcome: 'done', attempts: 2, effects: [{ kind: 'seen' }] },
    ]);
  });

  it('ends the same whatever the order, the copies and the failures on the way', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 6, maxLength: 15 }),
        fc.array(fc.boolean(), { minLength: 40, maxLength: 40 }),
        async (order, failures) => {
          await using scene = await openInbox();
          let calls = 0;
          const process = scene.process(() => (failures[calls++] === true ? fail() : done()));
          for (const id of order) {
            await deliver(process, eventBody(`evt_${id}`));
            await process.worker.work(scene.tenantId);
          }
          await until(async () => {
            await scene.passTime();
            return (await process.worker.work(scene.tenantId)) === 0;
          });
          const ids = [...new Set(order)].toSorted((a, b) => a - b);
          expect(await scene.rows()).toMatchObject(
            ids.map((id) => ({ event_id: `evt_${id}`, outcome: 'done', last_error: null })),
          );
        },
      ),
      { numRuns: 8 },
    );
  }, 120_000);

  it('gives an event up after twenty failures, and takes it up again when told to', async () => {
    await using scene = await openInbox();
    await deliver(scene.process(), eventBody('evt_1'));
    await attempt(scene, scene.process(fail), 19);
    expect(await scene.rows()).toMatchObject([{ outcome: 'failed', failures: 19 }]);
    await attempt(scene, scene.process(fail), 1);
    expect(await scene.rows()).toMatchObject([{ outcome: 'dead', last_error: 'broken' }]);
    await scene.passTime();
    const process = scene.process();
    expect(await process.worker.work(scene.tenantId)).toBe(0);
    expect(await deliver(process, eventBody('evt_1'))).toBe('copy');

    expect(await process.events.retry(scene.tenantId, 'evt_1')).toMatchObject({
      outcome: 'pending',
    });
    await attempt(scene, process, 1);
    expect(await scene.rows()).toMatchObject([{ outcome: 'done', attempts: 21 }]);
    await expect(process.events.retry(scene.tenantId, 'evt_1')).rejects.toMatchObject({
      code: 'stripe_event_not_retryable',
    });
    for (const unknown of ['evt_2', 'evt_\0']) {
      await expect(process.events.retry(scene.tenantId, unknown)).rejects.toMatchObject({
        code: 'stripe_event_not_found',
      });
    }
  });

  it('does not count it against an event that Stripe is down, for three days', async () => {
    await using scene = await openInbox();
    await deliver(scene.process(), eventBody('evt_1'));
    await attempt(scene, scene.process(unavailable), 25);
    expect(await scene.rows()).toMatchObject([{ outcome: 'failed', last_error: 'down' }]);
    await scene.db.work.query(`UPDATE stripe_event SET give_up_at = now() - interval '1 second'`);
    await attempt(scene, scene.process(unavailable), 1);
    expect(await scene.rows()).toMatchObject([{ outcome: 'dead' }]);
  });

  it('waits as often as need be, three days', async () => {
    await using scene = await openInbox();
    await deliver(scene.process(), eventBody('evt_1'));
    const waiting = (): Promise<HandlerResult> =>
      Promise.resolve({ outcome: 'waiting', effects: [] });
    await attempt(scene, scene.process(waiting), 25);
    await attempt(scene, scene.process(fail), 1);
    expect(await scene.rows()).toMatchObject([{ outcome: 'failed', failures: 1 }]);
    await scene.db.work.query(`UPDATE stripe_event SET give_up_at = now() - interval '1 second'`);
    await attempt(scene, scene.process(waiting), 1);
    expect(await scene.rows()).toMatchObject([{ outcome: 'dead', failures: 0 }]);
  });

  it.each([
    [{ livemode: true }, 'other_mode'],
    [{ account: 'acct_other' }, 'other_account'],
  ])('ignores events of others: %j', async (members, reason) => {
    await using scene = await openInbox();
    await deliver(scene.process(), eventBody('evt_1', members));
    await attempt(scene, scene.process(fail), 1);
    expect(await scene.rows()).toMatchObject([
      { outcome: 'ignored', effects: [{ kind: 'ignored', reason }] },
    ]);
  });

  it('takes an event that names the account itself, and waits where there is none', async () => {
    await using scene = await openInbox();
    await deliver(scene.process(), eventBody('evt_1', { account: 'acct_own' }));
    await attempt(scene, scene.process(done, { STRIPE_SECRET_KEY: '' }), 1);
    expect(await scene.rows()).toMatchObject([
      { outcome: 'failed', last_error: 'the tenant has no Stripe account' },
    ]);
    await attempt(scene, scene.process(), 1);
    expect(await scene.rows()).toMatchObject([{ outcome: 'done' }]);
  });

  it('keeps what a handler fetched and did, whatever texts it holds', async () => {
    await using scene = await openInbox();
    const odd = 'a\0b\ud800c';
    await deliver(scene.process(), eventBody('evt_1'));
    const process = scene.process(() =>
      Promise.resolve({
        outcome: 'done',
        effects: [{ kind: 'said', text: odd }],
        fetched: { text: odd, amount: 9_007_199_254_740_993n },
      }),
    );
    await attempt(scene, process, 1);
    const [row] = await scene.db.work.query<{ fetched: object; effects: object[] }>(
      'SELECT fetched, effects FROM stripe_event',
    );
    expect(row).toEqual({
      fetched: { text: 'a\uFFFDb\uFFFDc', amount: '9007199254740993' },
      effects: [{ kind: 'said', text: 'a\uFFFDb\uFFFDc' }],
    });
  });

  it('is listed in the order it came, by type and outcome, page by page', async () => {
    await using scene = await openInbox();
    const process = scene.process();
    for (const id of ['evt_b', 'evt_a', 'evt_c']) await deliver(process, eventBody(id));
    await deliver(process, eventBody('evt_d', { type: 'charge.failed' }));
    const list = (filter: object, after?: string[]) =>
      process.events.list(scene.tenantId, filter, { list: 'events', after, limit: 2 });
    const first = await list({ type: TYPE, outcome: 'pending' });
    expect(first.data.map(({ eventId }) => eventId)).toEqual(['evt_b', 'evt_a']);
    const { after } = parsePage(
      { name: 'events', key: ['instant', 'text'] },
      { cursor: first.next_cursor },
    );
    const second = await list({ type: TYPE }, after);
    expect(second.data.map(({ eventId }) => eventId)).toEqual(['evt_c']);
    expect(second.next_cursor).toBeNull();
    expect((await list({ outcome: 'ignored' })).data).toMatchObject([{ eventId: 'evt_d' }]);
  });
});
