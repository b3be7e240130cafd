import { describe, expect, it } from 'vitest';
import { Database } from '../../src/database/database.js';
import { Recorder } from '../../src/ledger/recorder.js';
import { PeriodCloser } from '../../src/periods/period-closer.js';
import { checkClose, readStatement } from './close-checker.js';
import { billed, contradictions, idsInLedger, runRound, type RoundHistory } from './close-round.js';
import { createDailyTenant, dayStart, type DailyTenant } from './daily-tenant.js';
import { SeededRandom } from './seeded-random.js';

const ROUNDS = 200;

/** Two processes' worth of recorders and a third one's closer, with connections of their own. */
async function withParticipants(
  test: DailyTenant,
  work: (recorders: Recorder[], closer: PeriodCloser) => Promise<void>,
): Promise<void> {
  const databases = [new Database(test.url, 4), new Database(test.url, 4)];
  try {
    await work(
      databases.map((db) => new Recorder(db, test.config)),
      new PeriodCloser(test.db, test.config),
    );
  } finally {
    await Promise.all(databases.map((db) => db.end()));
  }
}

describe('a close while usage is recorded', () => {
  it(`has each entry in the statement or late, ${ROUNDS} times`, { timeout: 300_000 }, async () => {
    await using test = await createDailyTenant({ CLOSE_GRACE_SECONDS: '0' });
    const random = new SeededRandom();
    const rounds: RoundHistory[] = [];
    const frozen: unknown[] = [];

    await withParticipants(test, async (recorders, closer) => {
      for (let day = 0; day < ROUNDS; day++) {
        const round = await runRound(test, recorders, closer, random, day);
        const what = `RACE_SEED=${random.seed}, day ${day}, closed by ${round.kind}`;
        expect(contradictions(round), what).toEqual([]);
        expect(await checkClose(test.db.work, test.subject, dayStart(day)), what).toEqual([]);
        rounds.push(round);
        frozen.push(await readStatement(test.db.work, test.subject, dayStart(day)));
      }
      const last = { asOf: dayStart(ROUNDS + 1), customerNo: 0, meterNo: 0, byClock: false };
      await test.db.work.query('UPDATE tenant SET clock_offset_micros = 0');
      await closer.finish(test.tenantId, await closer.begin(test.tenantId, last));
    });

    // Later usage was carried past these days, and has not touched what they say.
    const what = `RACE_SEED=${random.seed}`;
    for (let day = 0; day < ROUNDS; day++) {
      const start = dayStart(day);
      expect(await readStatement(test.db.work, test.subject, start), what).toEqual(frozen[day]);
      expect(await checkClose(test.db.work, test.subject, start), `${what}, day ${day}`).toEqual(
        [],
      );
    }
    const sent = rounds.flatMap(({ calls }) => calls.flatMap(({ events }) => events));
    const distinct = new Map(sent.map((event) => [event.usageEventId, event.quantity!]));
    expect((await idsInLedger(test)).sort(), what).toEqual([...distinct.keys()].sort());
    expect(await billed(test, dayStart(ROUNDS + 1)), what).toBe(sumOf([...distinct.values()]));
    // The race was one: usage came in on both sides of the close.
    const verdicts = rounds.flatMap(({ calls }) => calls.flatMap((each) => each.verdicts));
    const accepted = verdicts.filter((verdict) => verdict.status === 'accepted');
    const late = accepted.filter((verdict) => verdict.late !== undefined);
    expect(late.length, what).toBeGreaterThan(ROUNDS);
    expect(accepted.length - late.length, what).toBeGreaterThan(ROUNDS);
  });
});

/** Exact, by units of 10^-12. */
function sumOf(quantities: readonly string[]): string {
  const digits = 12;
  const units = quantities.reduce((total, quantity) => {
    const [whole, fraction = ''] = quantity.split('.');
    return total + BigInt(whole! + fraction.padEnd(digits, '0'));
  }, 0n);
  const text = String(units);
  const fraction = text.slice(-digits).replace(/0+$/, '');
  return text.slice(0, -digits) + (fraction === '' ? '' : `.${fraction}`);
}
