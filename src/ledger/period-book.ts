import type { Transaction } from '../database/connections.js';
import { formatInstantMicros, type Micros } from '../domain/instant.js';
import type { SourcedPeriod } from '../domain/period-source.js';
import type { KnownPeriod } from '../domain/place-usage.js';

interface StoredPeriod extends SourcedPeriod {
  readonly backfilled: boolean;
  readonly amendments: number;
}

/** The periods of one customer and meter that have a row, in order of their start. */
interface Shelf {
  readonly rows: StoredPeriod[];
  /** Instants between which every row is known. */
  readonly known: Set<Micros>;
}

/** A period asked for that nothing is known of yet: read its surroundings, then ask again. */
const UNREAD = new Error('not read yet');

/**
 * The billing periods that one recording transaction touches: stored boundaries where there are
 * any, computed ones where not. Rows are read in sets: ask for what is needed by `collect`, which
 * runs a computation again until everything it asked for has been read.
 */
export class PeriodBook {
  private readonly shelves = new Map<string, Shelf>();
  private wanted: { customerNo: number; meterNo: number; at: Micros }[] = [];

  constructor(
    private readonly tx: Transaction,
    private readonly tenantId: string,
  ) {}

  /**
   * The period that holds an instant. Only inside `collect`.
   *
   * @param compute The period as its source has it.
   */
  periodAt(
    customerNo: number,
    meterNo: number,
    compute: (at: Micros) => SourcedPeriod,
    at: Micros,
  ): KnownPeriod {
    const computed = compute(at);
    const { ofItem } = computed;
    const shelf = this.shelves.get(shelfKey(customerNo, meterNo));
    if (shelf === undefined || !shelf.known.has(computed.start)) {
      this.wanted.push({ customerNo, meterNo, at: computed.start });
      throw UNREAD;
    }
    let { start, end } = computed;
    for (const row of shelf.rows) {
      if (row.start <= at && at < row.end) {
        return { ...row, stored: true };
      }
      // Boundaries that other time zone data made hold; what is computed gives way to them.
      if (row.end <= at) start = Math.max(start, row.end);
      if (row.start > at) end = Math.min(end, row.start);
    }
    return { start, end, stored: false, backfilled: false, ofItem, amendments: 0 };
  }

  /** The periods of one customer and meter that were read, all of which have a row. */
  rowsOf(customerNo: number, meterNo: number): KnownPeriod[] {
    const rows = this.shelves.get(shelfKey(customerNo, meterNo))?.rows ?? [];
    return rows.map((row) => ({ ...row, stored: true }));
  }

  /** Runs `compute` for each item until none of them asks for a period that has not been read. */
  async collect<Item, Result>(
    items: readonly Item[],
    compute: (item: Item) => Result,
  ): Promise<Result[]> {
    const results: Result[] = [];
    let open = items.map((_, index) => index);
    while (open.length > 0) {
      open = open.filter((index) => {
        try {
          results[index] = compute(items[index]!);
          return false;
        } catch (error) {
          if (error === UNREAD) return true;
          throw error;
        }
      });
      if (open.length > 0) await this.read();
    }
    return results;
  }

  /** Remembers a period that this transaction has stored. */
  store(customerNo: number, meterNo: number, period: StoredPeriod): void {
    const shelf = this.shelves.get(shelfKey(customerNo, meterNo));
    shelf?.rows.push(period);
    shelf?.rows.sort((a, b) => a.start - b.start);
  }

  /** Reads the stored periods around every instant asked for: the last to start by it, and the next. */
  private async read(): Promise<void> {
    const wanted = this.wanted;
    this.wanted = [];
    const rows = await this.tx.query<{
      customerNo: number;
      meterNo: number;
      start: Micros;
      end: Micros;
      backfilled: boolean;
      ofItem: boolean;
      amendments: number;
    }>(
      `SELECT DISTINCT p.customer_no AS "customerNo", p.meter_no AS "meterNo",
              p.period_start AS "start", p.period_end AS "end", p.backfilled,
              p.of_item AS "ofItem", (
                SELECT count(*) FROM period_amendment a
                 WHERE a.tenant_id = $1 AND a.customer_no = p.customer_no
                   AND a.meter_no = p.meter_no AND a.period_start = p.period_start) AS amendments
         FROM unnest($2::bigint[], $3::integer[], $4::timestamptz[]) AS w (customer_no, meter_no, at)
        CROSS JOIN LATERAL (
              (SELECT * FROM billing_period b
                WHERE b.tenant_id = $1 AND b.customer_no = w.customer_no AND b.meter_no = w.meter_no
                  AND b.period_start <= w.at
                ORDER BY b.period_start DESC LIMIT 1)
              UNION ALL
              (SELECT * FROM billing_period b
                WHERE b.tenant_id = $1 AND b.customer_no = w.customer_no AND b.meter_no = w.meter_no
                  AND b.period_start > w.at
                ORDER BY b.period_start LIMIT 2)) p`,
      [
        this.tenantId,
        wanted.map((w) => w.customerNo),
        wanted.map((w) => w.meterNo),
        wanted.map((w) => formatInstantMicros(w.at)),
      ],
    );
    for (const { customerNo, meterNo, at } of wanted) {
      const key = shelfKey(customerNo, meterNo);
      const shelf = this.shelves.get(key) ?? { rows: [], known: new Set() };
      shelf.known.add(at);
      this.shelves.set(key, shelf);
    }
    for (const { customerNo, meterNo, ...row } of rows) {
      const shelf = this.shelves.get(shelfKey(customerNo, meterNo))!;
      if (!shelf.rows.some((known) => known.start === row.start)) {
        this.store(customerNo, meterNo, row);
      }
    }
  }
}

function shelfKey(customerNo: number, meterNo: number): string {
  return `${customerNo}/${meterNo}`;
}
