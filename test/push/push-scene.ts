import { startSimulator, type Simulator, type SimulatorOptions } from '@countonce/stripe-simulator';
import { randomUUID } from 'node:crypto';
import { loadConfig, type Config } from '../../src/config/config.js';
import { Database } from '../../src/database/database.js';
import { formatInstantMicros, parseInstant, type Micros } from '../../src/domain/instant.js';
import { pushedValues, type PushedValue } from '../../src/usage/pushed-values.js';
import { periodValues } from '../../src/usage/period-values.js';
import { createTestDatabase } from '../support/database.js';
import { pushProcess, type PushProcess } from './push-process.js';

export const SECRET_KEY = 'sk_test_51SceneAccount0000000';
export const STRIPE_CUSTOMER = 'cus_scene';
export const EVENT_NAME = 'calls';

/** One customer and one meter, both mapped, and all that pushes on it. */
export class PushScene implements AsyncDisposable {
  readonly customerNo = 1;
  readonly meterNo = 1;

  private constructor(
    readonly db: Database,
    readonly tenantId: string,
    readonly simulator: Simulator,
    private readonly env: Record<string, string>,
    private readonly dispose: () => Promise<void>,
  ) {}

  static async open(
    env: Record<string, string> = {},
    options: SimulatorOptions = {},
  ): Promise<PushScene> {
    const database = await createTestDatabase();
    const simulator = await startSimulator({
      rateLimits: false,
      autoCustomers: true,
      ...options,
    });
    const whole = {
      STRIPE_SECRET_KEY: SECRET_KEY,
      STRIPE_API_BASE: simulator.url,
      STRIPE_CALLS_PER_SECOND: '2000',
      ...env,
    };
    const db = new Database(database.url, 4);
    const [tenant] = await db.work.query<{ tenantId: string }>(
      `INSERT INTO tenant (name, hash_key) VALUES ('default', $1) RETURNING tenant_id AS "tenantId"`,
      [Buffer.alloc(32)],
    );
    return new PushScene(db, tenant!.tenantId, simulator, whole, async () => {
      await simulator.stop();
      await db.end();
      await database[Symbol.asyncDispose]();
    });
  }

  /** As the simulator names it. */
  get account(): { accountId: string; livemode: boolean } {
    const [entry] = [...this.simulator.ledger(), ...this.simulator.rejections()];
    return { accountId: entry!.account, livemode: false };
  }

  get config(): Readonly<Config> {
    return loadConfig(this.env);
  }

  /** With another environment where one is given; an empty value counts as none. */
  configWith(env: Record<string, string>): Readonly<Config> {
    return loadConfig({ ...this.env, ...env });
  }

  /** The same tenant and the same Stripe, on another database; that one is disposed of elsewhere. */
  on(db: Database): PushScene {
    return new PushScene(db, this.tenantId, this.simulator, this.env, () => db.end());
  }

  /** The services of one process, with another environment where one is given. */
  process(env: Record<string, string> = {}): PushProcess {
    return pushProcess(this.db, loadConfig({ ...this.env, ...env }));
  }

  /** A meter at Stripe. */
  async stripeMeter(
    formula: 'sum' | 'count' | 'last' = 'sum',
    window?: 'hour' | 'day',
    eventName = EVENT_NAME,
    secretKey = SECRET_KEY,
  ) {
    const body = new URLSearchParams({
      display_name: 'Calls',
      event_name: eventName,
      'default_aggregation[formula]': formula,
      ...(window === undefined ? {} : { event_time_window: window }),
    });
    return this.stripe('/v1/billing/meters', body, secretKey);
  }

  async stripe(
    path: string,
    body: URLSearchParams,
    secretKey = SECRET_KEY,
  ): Promise<{ id: string }> {
    const response = await fetch(`${this.simulator.url}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secretKey}` },
      body,
    });
    if (!response.ok) throw new Error(await response.text());
    return (await response.json()) as { id: string };
  }

  async meter(settings: Partial<Record<string, unknown>> = {}): Promise<void> {
    const all = {
      aggregation: 'sum',
      stripe_event_name: EVENT_NAME,
      push: 'live',
      push_from: null,
      unique_property: null,
      carry_last: false,
      mapping_from: null,
      ...settings,
    };
    await this.db.work.query(
      `INSERT INTO meter (tenant_id, meter_no, key) VALUES ($1, 1, 'calls') ON CONFLICT DO NOTHING`,
      [this.tenantId],
    );
    await this.db.work.query(
      `INSERT INTO meter_settings (tenant_id, meter_no, version, aggregation, event_types,
              value_property, unique_property, carry_last, stripe_event_name, push, push_from, late_usage,
              mapping_from, mapping_version)
       SELECT $1, 1, 1 + (SELECT count(*) FROM meter_settings WHERE tenant_id = $1), $2, '{calls}',
              'quantity', $3, $4, $5, $6, $7, 'amend', $8, $9`,
      [
        this.tenantId,
        all.aggregation,
        all.aggregation === 'unique_count' ? 'user' : all.unique_property,
        all.carry_last,
        all.stripe_event_name,
        all.push,
        all.push_from,
        all.mapping_from,
        await this.passGate(),
      ],
    );
  }

  async customer(
    stripeCustomerId: string | null = STRIPE_CUSTOMER,
    push?: string | null,
    mappingFrom?: 'now' | 'period_start',
  ): Promise<void> {
    await this.db.work.query(
      `INSERT INTO customer AS c (tenant_id, customer_no, customer_id, stripe_customer_id, push,
                                  mapping_from)
       OVERRIDING SYSTEM VALUE VALUES ($1, 1, 'acme', $2, $3, $4)
       ON CONFLICT (tenant_id, customer_no) DO UPDATE
          SET stripe_customer_id = excluded.stripe_customer_id, push = excluded.push,
              mapping_from = excluded.mapping_from,
              mapping_version = CASE WHEN c.stripe_customer_id = excluded.stripe_customer_id
                                     THEN c.mapping_version ELSE $5 END`,
      [this.tenantId, stripeCustomerId, push ?? null, mappingFrom ?? null, await this.passGate()],
    );
  }

  async period(start: string, end: string, carriedLast: string | null = null): Promise<void> {
    await this.db.work.query(
      `INSERT INTO billing_period (tenant_id, customer_no, meter_no, period_start, period_end,
                                   backfilled, carried_last)
       VALUES ($1, 1, 1, $2, $3, false, $4)`,
      [this.tenantId, start, end, carriedLast],
    );
  }

  /** Writes the period's statement, and has it planned, as a close does. */
  async close(start: string, value: string): Promise<void> {
    const closeId = randomUUID();
    await this.db.work.query(
      `INSERT INTO period_close (tenant_id, period_close_id, as_of, customer_no, meter_no, by_clock,
              due, already_closed, gate_version, closed_at, finished_at)
       VALUES ($1, $2, now(), 0, 0, false, 1, 0, $3, now(), now())`,
      [this.tenantId, closeId, await this.passGate()],
    );
    await this.db.work.query(
      `UPDATE billing_period
          SET closed_at = now(), period_close_id = $3, value = $4, carried_in = 0, event_count = 1,
              digest = '\\x00'
        WHERE tenant_id = $1 AND period_start = $2`,
      [this.tenantId, start, closeId, value],
    );
    await this.db.work.query(
      `INSERT INTO push_work (tenant_id, customer_no, meter_no, period_start, closed)
       VALUES ($1, 1, 1, $2, true)
       ON CONFLICT (tenant_id, customer_no, meter_no, period_start) DO UPDATE SET closed = true`,
      [this.tenantId, start],
    );
  }

  /** Usage as recording leaves it: folded by default, else as a delta still to be folded. */
  async usage(start: string, at: string, quantity: string, more: UsageFixture = {}): Promise<void> {
    const table = more.unfolded === true ? 'usage_delta' : 'usage_total';
    await this.db.work.query(
      `INSERT INTO ${table} AS u (tenant_id, customer_no, meter_no, period_start, origin_start,
              revision, billable, bucket, dimensions, quantity_sum, quantity_max, entry_count,
              last_quantity, last_at, last_key, digest)
       VALUES ($1, 1, 1, $2, $2, $6, $7, date_bin('15 min', $3::timestamptz, '2000-01-01Z'), $8,
               $4, $4, $5, $4, $3, gen_random_uuid(), 0)`,
      [
        this.tenantId,
        start,
        at,
        quantity,
        more.entries ?? 1,
        more.revision ?? 0,
        more.billable ?? true,
        more.dimensions ?? randomUUID(),
      ],
    );
  }

  async uniqueUsage(start: string, at: string, name: string): Promise<void> {
    await this.usage(start, at, '1');
    await this.db.work.query(
      `INSERT INTO usage_unique (tenant_id, customer_no, meter_no, period_start, revision, billable,
                                 bucket, dimensions, unique_key)
       VALUES ($1, 1, 1, $2, 0, true, date_bin('15 min', $3::timestamptz, '2000-01-01Z'), '[]',
               md5($4)::uuid) ON CONFLICT DO NOTHING`,
      [this.tenantId, start, at, name],
    );
  }

  /** What a change behind the closed gate does. */
  private async passGate(): Promise<number> {
    const [gate] = await this.db.work.query<{ version: number }>(
      `UPDATE tenant SET gate_version = gate_version + 1 WHERE tenant_id = $1
       RETURNING gate_version AS "version"`,
      [this.tenantId],
    );
    return gate!.version;
  }

  /** Moves the tenant's clock, and Stripe's with it. */
  async now(at: string): Promise<void> {
    const offset = parseInstant(at)! - Date.now() * 1_000;
    await this.db.work.query('UPDATE tenant SET clock_offset_micros = $2 WHERE tenant_id = $1', [
      this.tenantId,
      offset,
    ]);
    this.simulator.setClock(parseInstant(at)! / 1_000);
  }

  /** Has the period planned again. */
  async plan(start: string, process = this.process()): Promise<void> {
    await this.db.work.query(
      `INSERT INTO push_work (tenant_id, customer_no, meter_no, period_start, closed)
       VALUES ($1, 1, 1, $2, false) ON CONFLICT DO NOTHING`,
      [this.tenantId, start],
    );
    while ((await process.planner.plan(this.tenantId)) > 0);
  }

  /** Lets the back-off of every push pass. */
  async forgetBackOff(): Promise<void> {
    await this.db.work.query(
      `UPDATE push SET next_attempt_at = now()
        WHERE tenant_id = $1 AND next_attempt_at > now() AND status IN ('pending', 'unknown')`,
      [this.tenantId],
    );
  }

  async expireLeases(): Promise<void> {
    await this.db.work.query(
      `UPDATE push SET lease_until = now() - interval '1 second'
        WHERE tenant_id = $1 AND status = 'sending'`,
      [this.tenantId],
    );
  }

  async pushes(): Promise<PushFixture[]> {
    const rows = await this.db.work.query<
      Omit<PushFixture, 'timestamp' | 'hour'> & { timestamp: Micros; hour: Micros | null }
    >(
      `SELECT identifier, sequence, kind, trim_scale(value)::text AS value, "timestamp", hour, status,
              reason, key_no AS "keyNo", attempts, unknown_attempts AS "unknownAttempts"
         FROM push WHERE tenant_id = $1 ORDER BY created_at, sequence`,
      [this.tenantId],
    );
    return rows.map((row) => ({
      ...row,
      timestamp: shown(row.timestamp),
      hour: row.hour === null ? null : shown(row.hour),
    }));
  }

  async holds(): Promise<Record<string, string>> {
    const rows = await this.db.work.query<{ reason: string; value: string }>(
      `SELECT reason, trim_scale(value)::text AS value FROM push_hold WHERE tenant_id = $1
        ORDER BY reason`,
      [this.tenantId],
    );
    return Object.fromEntries(rows.map(({ reason, value }) => [reason, value]));
  }

  /** What Stripe counted of each push, by its value. */
  counted(): string[] {
    return this.simulator.ledger().map(({ value }) => value);
  }

  async standing(start: string): Promise<PushedValue & { value: string }> {
    const key = { customerNo: 1, meterNo: 1, periodStart: parseInstant(start)! };
    const [period] = await periodValues(this.db.work, this.tenantId, [{ ...key, from: null }]);
    const values = await pushedValues(this.db.work, this.tenantId, [period!]);
    return { value: period!.value, ...[...values.values()][0]! };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }
}

export interface UsageFixture {
  readonly unfolded?: boolean;
  readonly entries?: number;
  readonly revision?: number;
  readonly billable?: boolean;
  readonly dimensions?: string;
}

export interface PushFixture {
  readonly identifier: string;
  readonly sequence: number;
  readonly kind: string;
  readonly value: string;
  readonly timestamp: string;
  readonly hour: string | null;
  readonly status: string;
  readonly reason: string | null;
  readonly keyNo: number;
  readonly attempts: number;
  readonly unknownAttempts: number;
}

function shown(instant: Micros): string {
  return formatInstantMicros(instant).replace('.000000Z', 'Z');
}
