import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Database } from '../../src/database/database.js';
import { formatInstantMicros, MICROS_PER_DAY } from '../../src/domain/instant.js';
import type { SourcedPeriod } from '../../src/domain/period-source.js';
import type { KnownPeriod } from '../../src/domain/place-usage.js';
import { PeriodBook } from '../../src/ledger/period-book.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';

const NOVEMBER = Date.UTC(2026, 10, 1) * 1_000;
const day = (n: number): number => NOVEMBER + n * MICROS_PER_DAY;

let database: TestDatabase;
let db: Database;
let tenantId: string;
beforeAll(async () => {
  database = await createTestDatabase();
  db = new Database(database.url, 2);
});
afterAll(async () => {
  await db.end();
  await database[Symbol.asyncDispose]();
});
beforeEach(() => {
  tenantId = randomUUID();
});

/** Periods of ten days. */
function byTens(at: number): SourcedPeriod {
  const start = day(Math.floor((at - NOVEMBER) / (10 * MICROS_PER_DAY)) * 10);
  return { start, end: start + 10 * MICROS_PER_DAY, ofItem: false };
}

interface Row {
  customerNo?: number;
  meterNo?: number;
  from: number;
  to: number;
  backfilled?: boolean;
  ofItem?: boolean;
  amendments?: number;
}

async function keep(...rows: Row[]): Promise<void> {
  for (const row of rows) {
    const key = [
      tenantId,
      row.customerNo ?? 1,
      row.meterNo ?? 1,
      formatInstantMicros(day(row.from)),
    ];
    await db.work.query(
      `INSERT INTO billing_period (tenant_id, customer_no, meter_no, period_start, period_end,
                                   backfilled, of_item) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
      [...key, formatInstantMicros(day(row.to)), row.backfilled ?? false, row.ofItem ?? false],
    );
    for (let revision = 1; revision <= (row.amendments ?? 0); revision++) {
      await db.work.query(
        `INSERT INTO period_amendment (tenant_id, customer_no, meter_no, period_start, revision,
                                       sealed_at) VALUES ($1, $2, $3, $4, $5, now())`,
        [...key, revision],
      );
    }
  }
}

/** The periods that hold instants of one customer and meter, found in one go. */
function periods(...instants: number[]): Promise<KnownPeriod[]> {
  return db.work.transaction((tx) => {
    const book = new PeriodBook(tx, tenantId);
    return book.collect(instants, (at) => book.periodAt(1, 1, byTens, at));
  });
}

const stored = (from: number, to: number, more: Partial<KnownPeriod> = {}): KnownPeriod => ({
  start: day(from),
  end: day(to),
  stored: true,
  backfilled: false,
  ofItem: false,
  amendments: 0,
  ...more,
});
const computed = (from: number, to: number): KnownPeriod => ({
  ...stored(from, to),
  stored: false,
});

describe('the period that holds an instant', () => {
  it('is as it is computed where nothing is stored', async () => {
    expect(await periods(day(0), day(10) - 1, day(10))).toEqual([
      computed(0, 10),
      computed(0, 10),
      computed(10, 20),
    ]);
  });

  it('is of an item where what computes it says so', async () => {
    const [period] = await db.work.transaction((tx) => {
      const book = new PeriodBook(tx, tenantId);
      const compute = (at: number) => ({ ...byTens(at), ofItem: true });
      return book.collect([day(3)], (at) => book.periodAt(1, 1, compute, at));
    });
    expect(period).toEqual({ ...computed(0, 10), ofItem: true });
  });

  it('is as it is stored, whatever is computed', async () => {
    await keep({ from: 0, to: 12, backfilled: true, ofItem: true, amendments: 2 });
    const row = stored(0, 12, { backfilled: true, ofItem: true, amendments: 2 });
    expect(await periods(day(0), day(5), day(12) - 1)).toEqual([row, row, row]);
  });

  it('gives way to those that are stored on either side', async () => {
    await keep({ from: 0, to: 12 }, { from: 18, to: 30 });
    expect(await periods(day(12), day(17), day(18) - 1, day(18))).toEqual([
      computed(12, 18),
      computed(12, 18),
      computed(12, 18),
      stored(18, 30),
    ]);
  });

  it('is as it is computed beside stored ones that end and begin with it', async () => {
    await keep({ from: 0, to: 10 }, { from: 20, to: 30 });
    expect(await periods(day(10), day(20) - 1)).toEqual([computed(10, 20), computed(10, 20)]);
  });

  it('gives way to the nearest of several stored ones', async () => {
    await keep(
      { from: -10, to: 0 },
      { from: 0, to: 11 },
      { from: 12, to: 13 },
      { from: 14, to: 15 },
    );
    expect(await periods(day(11), day(13), day(15))).toEqual([
      computed(11, 12),
      computed(13, 14),
      computed(15, 20),
    ]);
  });

  it('is that of its own customer, meter and tenant', async () => {
    await keep(
      { from: 0, to: 12 },
      { customerNo: 2, from: 0, to: 13 },
      { meterNo: 2, from: 0, to: 14 },
    );
    const book = await db.work.transaction((tx) => {
      const shelves = new PeriodBook(tx, tenantId);
      const keys = [
        [1, 1],
        [2, 1],
        [1, 2],
        [2, 2],
      ] as const;
      return shelves.collect(keys, ([customerNo, meterNo]) =>
        shelves.periodAt(customerNo, meterNo, byTens, day(5)),
      );
    });
    expect(book).toEqual([stored(0, 12), stored(0, 13), stored(0, 14), computed(0, 10)]);
    tenantId = randomUUID();
    expect(await periods(day(5))).toEqual([computed(0, 10)]);
  });
});

describe('a book of periods', () => {
  it('reads for all items at once, and each surrounding once', async () => {
    await keep({ from: 0, to: 10 }, { from: 10, to: 20 });
    let queries = 0;
    const found = await db.work.transaction((tx) => {
      const counted = {
        isTransaction: tx.isTransaction,
        query: <Row extends object>(sql: string, parameters?: readonly unknown[]) => {
          queries++;
          return tx.query<Row>(sql, parameters);
        },
      };
      const book = new PeriodBook(counted, tenantId);
      return book.collect([day(1), day(2), day(11)], (at) => {
        const first = book.periodAt(1, 1, byTens, at);
        // Its period is known only then, so that one more round is needed.
        return [first, book.periodAt(1, 1, byTens, first.end)];
      });
    });
    expect(found).toEqual([
      [stored(0, 10), stored(10, 20)],
      [stored(0, 10), stored(10, 20)],
      [stored(10, 20), computed(20, 30)],
    ]);
    expect(queries).toBe(2);
  });

  it('reads nothing for no item', async () => {
    expect(await periods()).toEqual([]);
  });

  it('lets a failure of a computation through', async () => {
    const failing = db.work.transaction((tx) =>
      new PeriodBook(tx, tenantId).collect([1], () => {
        throw new RangeError('of its own');
      }),
    );
    await expect(failing).rejects.toThrow(new RangeError('of its own'));
  });

  it('remembers what was stored since, in its place', async () => {
    await keep({ from: 20, to: 30 });
    const seen = await db.work.transaction(async (tx) => {
      const book = new PeriodBook(tx, tenantId);
      const at = (instant: number) =>
        book.collect([instant], (each) => book.periodAt(1, 1, byTens, each));
      await at(day(5));
      const row = { start: day(0), end: day(12), backfilled: true, ofItem: false, amendments: 0 };
      book.store(1, 1, row);
      return [...(await at(day(5))), ...(await at(day(15)))];
    });
    expect(seen).toEqual([stored(0, 12, { backfilled: true }), computed(12, 20)]);
  });
});
