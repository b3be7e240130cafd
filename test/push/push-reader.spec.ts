import { Logger } from '@nestjs/common';
import Stripe from 'stripe';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { formatInstantMicros, parseInstant } from '../../src/domain/instant.js';
import { PushReader } from '../../src/push/push-reader.js';
import { StripeUnavailable } from '../../src/stripe/stripe-account.js';
import type { SummaryRange } from '../../src/stripe/stripe-summaries.js';
import { changePush } from './change-push.js';
import { due, fault, NOVEMBER, only, sendAll } from './due-push.js';
import type { PushScene } from './push-scene.js';

const WINDOW = { PUSH_RESEND_WINDOW_SECONDS: '0' };
const AT_ONCE = { ...WINDOW, READBACK_STABLE_SECONDS: '0' };
const STABLE = { ...WINDOW, READBACK_STABLE_SECONDS: '900' };

afterEach(() => {
  vi.restoreAllMocks();
});

/** A reader of what a test says that Stripe shows, and what it asked for. */
function reading(scene: PushScene, shows: (range: SummaryRange, time: number) => string) {
  const asked: SummaryRange[] = [];
  const summaries = {
    total: (_: unknown, range: SummaryRange) => {
      asked.push(range);
      return new Promise<string>((resolve) => resolve(shows(range, asked.length)));
    },
  };
  const { accounts } = scene.process();
  const reader = new PushReader(scene.db, scene.config, accounts, summaries as never);
  return { reader, asked, read: () => reader.read(scene.tenantId) };
}

async function readings(scene: PushScene) {
  return scene.db.work.query<Record<string, any>>(
    `SELECT reads, value::text, round(extract(epoch FROM next_read_at - last_read_at))::float AS pause,
            round(extract(epoch FROM next_read_at - now()))::float AS wait
       FROM push_reading`,
  );
}

async function dueAgain(scene: PushScene, agreedSeconds = 0): Promise<void> {
  await scene.db.work.query(
    `UPDATE push_reading SET next_read_at = now(),
            agreed_since = agreed_since - $1 * interval '1 second'`,
    [agreedSeconds],
  );
}

/** One push of 10 at 09:00 that nobody knows the outcome of, and later ones of 3 each that arrived. */
async function unknown(env: Record<string, string>, laterOnes = 0): Promise<PushScene> {
  const scene = await due(env);
  fault(scene, 'resetBefore');
  await sendAll(scene);
  for (let hour = 10; hour < 10 + laterOnes; hour++) {
    await scene.usage(NOVEMBER, `2026-11-10T${hour}:05:00Z`, '3');
    await scene.plan(NOVEMBER);
    await sendAll(scene);
  }
  return scene;
}

const refused = (statusCode: number) =>
  new StripeUnavailable('refused', {
    cause: new Stripe.errors.StripeInvalidRequestError({
      type: 'invalid_request_error',
      message: 'refused',
      statusCode,
    } as never),
  });

describe('a push that nobody knows the outcome of', () => {
  it('is read in its own minute, and a later one only once nothing showed for long', async () => {
    await using scene = await unknown(STABLE, 1);
    const { asked, read } = reading(scene, () => '0');
    expect(await read()).toBe(1);
    const start = parseInstant('2026-11-10T09:00:00Z')!;
    expect(asked).toMatchObject([{ start, end: start + 60_000_000 }]);
    await dueAgain(scene, 890);
    await read();
    expect(asked).toHaveLength(2);
    await dueAgain(scene, 20);
    await read();
    expect(asked.map((range) => formatInstantMicros(range.start).slice(11, 16))).toEqual([
      '09:00',
      '09:00',
      '09:00',
      '10:00',
    ]);
    expect((await scene.pushes())[0]).toMatchObject({ status: 'unknown', reason: 'no_answer' });
  });

  it('is read evenly while the reads have to agree, and then ever more seldom', async () => {
    await using scene = await unknown(STABLE);
    const { read } = reading(scene, () => '0');
    await read();
    expect(await readings(scene)).toEqual([{ reads: 1, value: '0', pause: 300, wait: 300 }]);
    await dueAgain(scene, 3_600);
    await read();
    expect(await readings(scene)).toEqual([{ reads: 2, value: '0', pause: 1_200, wait: 1_200 }]);
    expect(await only(scene)).toMatchObject({ status: 'unknown', reason: 'no_answer' });
  });

  it('counts where its value shows, and no later one is asked about', async () => {
    await using scene = await unknown(AT_ONCE, 1);
    const { asked, read } = reading(scene, () => '10');
    await read();
    expect(asked).toHaveLength(1);
    expect((await scene.pushes())[0]).toMatchObject({ status: 'delivered' });
  });

  it('does not count where a later one shows that was confirmed, which is not asked about', async () => {
    await using scene = await unknown(AT_ONCE, 1);
    await changePush(scene, (await scene.pushes())[1]!.identifier, 'confirmed');
    const { asked, read } = reading(scene, () => '0');
    await read();
    expect(asked).toHaveLength(1);
    expect((await scene.pushes())[0]).toMatchObject({
      status: 'rejected',
      reason: 'not_delivered',
    });
  });

  it('does not count where the second of the later ones shows', async () => {
    await using scene = await unknown(AT_ONCE, 3);
    const { asked, read } = reading(scene, (_, time) => {
      if (time === 2) throw refused(404);
      return time === 3 ? '3' : '0';
    });
    await read();
    expect(asked).toHaveLength(3);
    expect((await scene.pushes())[0]).toMatchObject({ status: 'rejected' });
  });

  it('stays so where no later one shows its own value', async () => {
    await using scene = await unknown(AT_ONCE, 1);
    const { read } = reading(scene, (_, time) => (time === 2 ? '2' : '0'));
    await read();
    expect((await scene.pushes())[0]).toMatchObject({ status: 'unknown', reason: 'no_answer' });
  });

  it('stays so where nobody knows when it was sent', async () => {
    await using scene = await unknown(AT_ONCE, 1);
    await scene.db.work.query(`UPDATE push SET last_attempt_at = NULL WHERE status = 'unknown'`);
    const { asked, read } = reading(scene, () => '0');
    await read();
    expect(asked).toHaveLength(1);
    expect((await scene.pushes())[0]).toMatchObject({ status: 'unknown' });
  });

  it('has Stripe asked once about a later one, however many wait for it', async () => {
    await using scene = await due(AT_ONCE);
    await scene.usage(NOVEMBER, '2026-11-10T10:05:00Z', '20');
    await scene.plan(NOVEMBER);
    fault(scene, 'resetBefore', 2);
    await sendAll(scene, 2);
    await scene.usage(NOVEMBER, '2026-11-10T11:05:00Z', '3');
    await scene.plan(NOVEMBER);
    await sendAll(scene);
    const { asked, read } = reading(scene, ({ start }) =>
      formatInstantMicros(start).includes('T11:') ? '3' : '0',
    );
    expect(await read()).toBe(2);
    expect(asked).toHaveLength(3);
    expect((await scene.pushes()).map(({ status }) => status)).toEqual([
      'rejected',
      'rejected',
      'delivered',
    ]);
  });

  it('says so at the push and in the log where its minute shows something else', async () => {
    const logged = vi.spyOn(Logger.prototype, 'error').mockReturnValue();
    await using scene = await unknown(AT_ONCE);
    const { read } = reading(scene, () => '4');
    await read();
    const { identifier } = await only(scene);
    expect(await only(scene)).toMatchObject({ status: 'unknown', reason: 'foreign_usage' });
    expect(logged.mock.calls).toEqual([
      [`push ${identifier}: its minute shows 4, neither 0 nor its value 10`],
    ]);
  });

  it.each([400, 404])(
    'is left alone for an hour, and says so, where Stripe answers %i',
    async (status) => {
      const logged = vi.spyOn(Logger.prototype, 'error').mockReturnValue();
      await using scene = await unknown(AT_ONCE);
      const { read } = reading(scene, () => {
        throw refused(status);
      });
      expect(await read()).toBe(1);
      const { identifier } = await only(scene);
      expect(await only(scene)).toMatchObject({ status: 'unknown', reason: 'unreadable' });
      expect(await readings(scene)).toMatchObject([{ reads: 0, wait: 3_600 }]);
      expect(logged.mock.calls).toEqual([[`push ${identifier}: Stripe does not show its minute`]]);
    },
  );

  it.each([
    ['does not let it read', refused(403)],
    ['is down', new StripeUnavailable('down')],
    ['answers what nobody understands', new TypeError('no number')],
  ])('is read again before long where Stripe %s', async (_, error) => {
    await using scene = await unknown(AT_ONCE, 1);
    await expect(
      reading(scene, () => {
        throw error;
      }).read(),
    ).rejects.toBe(error);
    expect((await scene.pushes())[0]).toMatchObject({ status: 'unknown', reason: 'no_answer' });
    await dueAgain(scene);
    const ofLater = reading(scene, (_range, time) => {
      if (time === 2) throw error;
      return '0';
    });
    await expect(ofLater.read()).rejects.toBe(error);
    expect((await scene.pushes())[0]).toMatchObject({ status: 'unknown', reason: 'no_answer' });
  });

  it('is found, and not read, where no account is there to ask', async () => {
    await using scene = await unknown(AT_ONCE);
    const none = { of: () => Promise.resolve(undefined) };
    const summaries = { total: () => Promise.reject(new Error('asked')) };
    const reader = new PushReader(scene.db, scene.config, none as never, summaries as never);
    expect(await reader.read(scene.tenantId)).toBe(0);
    expect(await readings(scene)).toMatchObject([{ reads: 0 }]);
  });
});

describe('a total', () => {
  /** Told three times, in a minute each; the one in the middle is disputed, and to be read. */
  async function disputed(middle: string): Promise<PushScene> {
    const scene = await due(AT_ONCE, {}, 'last');
    await sendAll(scene, 1);
    for (const [now, quantity] of [
      ['2026-11-10T12:40:20Z', middle],
      ['2026-11-10T12:50:20Z', '4'],
    ] as const) {
      await scene.now(now);
      await scene.usage(NOVEMBER, '2026-11-10T10:05:00Z', quantity);
      await scene.plan(NOVEMBER);
      await sendAll(scene, 1);
    }
    const [, told] = await scene.pushes();
    await changePush(scene, told!.identifier, 'disputed');
    await scene.db.work.query(
      `INSERT INTO push_reading (tenant_id, identifier, cause, next_read_at)
       VALUES ($1, $2, 'disputed', now())`,
      [scene.tenantId, told!.identifier],
    );
    return scene;
  }

  it('of 0 is read with all that stood before it in its period', async () => {
    await using scene = await disputed('-10');
    const { asked, read } = reading(scene, () => '10');
    await read();
    expect(asked[0]).toMatchObject({
      start: parseInstant(NOVEMBER),
      end: parseInstant('2026-11-10T12:41:00Z'),
    });
  });

  it('of something is read in its own minute', async () => {
    await using scene = await disputed('5');
    const { asked, read } = reading(scene, () => '15');
    await read();
    expect(asked).toMatchObject([
      {
        start: parseInstant('2026-11-10T12:40:00Z'),
        end: parseInstant('2026-11-10T12:41:00Z'),
      },
    ]);
    expect((await scene.pushes())[1]).toMatchObject({ status: 'confirmed' });
  });

  it('that Stripe named is found out about though a later one stands', async () => {
    await using scene = await disputed('5');
    const { read } = reading(scene, () => '0');
    await scene.db.work.query(`UPDATE push SET first_attempt_at = '2026-01-01' WHERE sequence = 3`);
    await read();
    expect((await scene.pushes())[1]).toMatchObject({ status: 'disputed' });
    expect(await readings(scene)).toHaveLength(1);
  });
});
