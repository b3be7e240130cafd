import type pg from 'pg';

/** What answers said was recorded, for the ledger to be held against. */
export class Recorded {
  events = 0;
  quantity = 0;

  add({ events, quantity }: { readonly events: number; readonly quantity: number }): void {
    this.events += events;
    this.quantity += quantity;
  }

  /**
   * Holds registry, events, ledger and totals against what was answered, and the totals against the
   * ledger, each (customer, meter, period) by itself.
   *
   * @throws Error where anything was counted wrong.
   */
  async hold({ pool }: { readonly pool: pg.Pool }): Promise<void> {
    const { rows } = await pool.query<Record<string, string>>(COUNTS);
    const { wrong, quantity, total_quantity: totalQuantity, ...events } = rows[0]!;
    const isRight =
      Number(wrong) === 0 &&
      Number(quantity) === this.quantity &&
      Number(totalQuantity) === this.quantity &&
      Object.values(events).every((count) => Number(count) === this.events);
    if (isRight) return;
    const answered = `${this.events} events of ${this.quantity} were answered`;
    throw new Error(`counted wrong: ${answered}, the database has ${JSON.stringify(rows[0])}`);
  }
}

const COUNTS = `
  WITH total AS (
    SELECT customer_no, meter_no, period_start, sum(quantity_sum) AS quantity,
           sum(entry_count) AS events
      FROM (SELECT * FROM usage_total UNION ALL SELECT * FROM usage_delta) t
     GROUP BY 1, 2, 3),
  entry AS (
    SELECT customer_no, meter_no, period_start, sum(quantity) AS quantity, count(*) AS events
      FROM usage_entry GROUP BY 1, 2, 3)
  SELECT (SELECT count(*) FROM usage_event_key) AS keys,
         (SELECT count(*) FROM usage_event) AS events,
         coalesce(sum(e.events), 0) AS entries,
         coalesce(sum(e.quantity), 0) AS quantity,
         coalesce(sum(t.events), 0) AS total_events,
         coalesce(sum(t.quantity), 0) AS total_quantity,
         count(*) FILTER (WHERE (e.quantity, e.events) IS DISTINCT FROM (t.quantity, t.events))
           AS wrong
    FROM entry e FULL JOIN total t USING (customer_no, meter_no, period_start)`;
