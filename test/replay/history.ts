import { foldDeltas } from '../../src/usage/fold.js';
import { Database } from '../../src/database/database.js';
import { ReplayRunner } from '../../src/replay/replay-runner.js';
import { ReplayService } from '../../src/replay/replay.service.js';
import type { ReplayAnswer } from '../../src/replay/replay.answer.js';
import type { CreateReplayDto } from '../../src/replay/replay.dto.js';
import { SeededRandom } from '../races/seeded-random.js';
import { startTestApp, type TestApp } from '../support/app.js';

/** Meters of every aggregation, with and without dimensions, filters and carried values. */
const METERS: Readonly<Record<string, object>> = {
  total: { aggregation: 'sum', dimensions: ['region'] },
  calls: { aggregation: 'count', event_types: ['total'] },
  big_calls: { aggregation: 'count', event_types: ['total'], filter: { size: ['big'] } },
  peak: { aggregation: 'max', dimensions: ['region'] },
  level: { aggregation: 'last', carry_last: true },
  people: { aggregation: 'unique_count', unique_property: 'user', dimensions: ['region'] },
  later: { aggregation: 'sum', billing_starts_at: '2026-02-01T00:00:00Z' },
  strict: { aggregation: 'sum', late_usage: 'amend' },
  filtered: { aggregation: 'sum', filter: { size: ['big'] } },
};
const EVENT_TYPES = Object.keys(METERS).filter((key) => !key.endsWith('calls'));
export const CUSTOMERS = ['c-1', 'c-2', 'c-3'] as const;
const DAY_MS = 86_400_000;
const FIRST_DAY = Date.UTC(2026, 0, 1);

/** An application with usage in it, and replays of it. */
export class History implements AsyncDisposable {
  private ids = 0;
  /** Days from FIRST_DAY to the test clock. */
  private today = 0;
  private readonly db: Database;

  private constructor(
    readonly app: TestApp,
    readonly tenantId: string,
    readonly random: SeededRandom,
  ) {
    this.db = new Database(app.databaseUrl, 2);
  }

  static async open(seed?: number, env: Record<string, string> = {}): Promise<History> {
    const app = await startTestApp(env);
    await app.call('POST', '/v1/test-clock', { now: dayOf(0) });
    for (const [key, body] of Object.entries(METERS))
      await app.call('PUT', `/v1/meters/${key}`, body);
    const { rows } = await app.pool.query<{ tenant_id: string }>('SELECT tenant_id FROM tenant');
    return new History(app, rows[0]!.tenant_id, new SeededRandom(seed));
  }

  /** Usage, folds and closes in random order, over the first three months of 2026. */
  async happen(steps: number): Promise<void> {
    let day = 10;
    for (let step = 0; step < steps; step++) {
      const what = this.random.fraction();
      if (what < 0.6) await this.send(this.random.whole(1, 12), day);
      else if (what < 0.8) await this.fold();
      else {
        day = Math.min(day + this.random.whole(1, 15), 88);
        await this.arriveAt(day);
        if (this.random.fraction() < 0.5) await this.close();
      }
    }
  }

  /** Lets the clock be at a day at least. */
  async arriveAt(day: number): Promise<void> {
    if (day <= this.today) return;
    this.today = day;
    await this.app.call('POST', '/v1/test-clock', { now: dayOf(day) });
  }

  /** Some events up to a day, which has come then. */
  async send(count: number, day: number): Promise<void> {
    await this.arriveAt(day);
    const events = Array.from({ length: count }, () => this.event(day));
    const { status, body } = await this.app.call('POST', '/v1/usage-events', { events });
    if (status !== 200 || body.accepted !== count) throw new Error(JSON.stringify(body));
  }

  async fold(): Promise<void> {
    await foldDeltas(this.db.work, this.tenantId);
  }

  async close(): Promise<void> {
    await this.app.call('POST', '/v1/period-closes', {});
  }

  /** Runs a replay in this process, as the command does. */
  async replay(
    request: CreateReplayDto = { mode: 'verify' },
    isStopping: () => boolean = () => false,
  ): Promise<ReplayAnswer> {
    const id = await this.replays.begin(this.tenantId, request, { byCommand: true });
    return this.goOn(id, isStopping);
  }

  async goOn(id: string, isStopping: () => boolean = () => false): Promise<ReplayAnswer> {
    await new ReplayRunner(this.db).run(this.tenantId, id, isStopping);
    return this.replays.get(this.tenantId, id);
  }

  async revert(id: string): Promise<ReplayAnswer> {
    const reversal = await this.replays.beginReversal(this.tenantId, id, { byCommand: true });
    return this.goOn(reversal);
  }

  get replays(): ReplayService {
    return new ReplayService(this.db);
  }

  /** Changes what nobody may, as a faulty disk or hand would. */
  async damage(sql: string): Promise<number> {
    const client = await this.app.pool.connect();
    try {
      await client.query('SET session_replication_role = replica');
      return (await client.query(sql)).rowCount ?? 0;
    } finally {
      await client.query('SET session_replication_role = DEFAULT');
      client.release();
    }
  }

  /** All totals, deltas among them, and all sets, as texts. */
  async totals(): Promise<string[]> {
    const { rows } = await this.app.pool.query<{ row: string }>(
      `SELECT concat_ws(' ', 'total', customer_no, meter_no, period_start, origin_start, revision,
              billable, bucket, dimensions, trim_scale(sum(quantity_sum)),
              trim_scale(max(quantity_max)), sum(entry_count), max(last_at),
              trim_scale((array_agg(last_quantity ORDER BY last_at DESC NULLS LAST, last_key DESC))[1]), sum(digest)) AS row
         FROM (SELECT * FROM usage_total UNION ALL SELECT * FROM usage_delta) u
        GROUP BY customer_no, meter_no, period_start, origin_start, revision, billable, bucket, dimensions
        UNION ALL SELECT 'member ' || u::text FROM usage_unique u ORDER BY 1`,
    );
    return rows.map(({ row }) => row);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.db.end();
    await this.app[Symbol.asyncDispose]();
  }

  private event(day: number): object {
    const { random } = this;
    const quantity = `${random.whole(0, 50)}.${random.whole(0, 99)}`;
    return {
      usage_event_id: `e-${random.seed}-${++this.ids}`,
      customer_id: random.pick(CUSTOMERS),
      meter: random.pick(EVENT_TYPES),
      quantity: random.fraction() < 0.1 ? `-${quantity}` : quantity,
      occurred_at: new Date(FIRST_DAY + random.fraction() * day * DAY_MS).toISOString(),
      properties: {
        user: `u-${random.whole(1, 5)}`,
        region: random.pick(['eu', 'us']),
        size: random.pick(['big', 'small']),
      },
    };
  }
}

function dayOf(day: number): string {
  return new Date(FIRST_DAY + day * DAY_MS).toISOString();
}
