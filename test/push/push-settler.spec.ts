import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Connections } from '../../src/database/connections.js';
import type { Answered } from '../../src/push/push-settle.store.js';
import { settle } from '../../src/push/push-settlement.js';
import { PushSettler } from '../../src/push/push-settler.js';
import { FIRST_ATTEMPT } from './first-attempt.js';

const answered = (identifier: string): Answered => ({
  push: {
    ...FIRST_ATTEMPT,
    identifier,
    fence: 1,
    firstAttemptAt: 0,
    lastAttemptAt: 0,
    before: { dueAt: 0, firstAttemptAt: null, lastAttemptAt: null },
  },
  settlement: settle(FIRST_ATTEMPT, { kind: 'delivered' }, 0),
});

/** A settler, and the groups that it has written; a push named `lost` was another process's by then. */
function settler(fails = false): { settler: PushSettler; groups: string[][] } {
  const groups: string[][] = [];
  const query = async (_sql: string, parameters?: unknown[]): Promise<object[]> => {
    if (parameters === undefined || parameters.length < 3) return [{ now: 0, at: 0 }];
    if (fails) throw new Error('it cannot be written');
    const names = parameters[2] as string[];
    groups.push(names);
    await sleep(30);
    return names.filter((name) => name !== 'lost').map((identifier) => ({ identifier }));
  };
  return { settler: new PushSettler({ query } as unknown as Connections, 'tenant'), groups };
}

describe('a settler', () => {
  it('writes what comes together together, and what comes meanwhile next, and then rests', async () => {
    const { settler: one, groups } = settler();
    const first = [one.write(answered('a')), one.write(answered('lost'))];
    await sleep(25);
    const second = [one.write(answered('b')), one.write(answered('c'))];
    expect(await Promise.all([...first, ...second])).toEqual([true, false, true, true]);
    await sleep(100);
    expect(groups).toEqual([
      ['a', 'lost'],
      ['b', 'c'],
    ]);
    expect(await one.write(answered('d'))).toBe(true);
    expect(groups.at(-1)).toEqual(['d']);
  });

  it('writes no more than five hundred at once', async () => {
    const { settler: one, groups } = settler();
    await Promise.all(Array.from({ length: 501 }, (_, n) => one.write(answered(`p${n}`))));
    expect(groups.map(({ length }) => length)).toEqual([500, 1]);
  });

  it('tells everybody what kept it from writing', async () => {
    const { settler: one } = settler(true);
    const written = await Promise.allSettled([one.write(answered('a')), one.write(answered('b'))]);
    expect(written).toMatchObject([
      { reason: { message: 'it cannot be written' } },
      { reason: { message: 'it cannot be written' } },
    ]);
  });
});
