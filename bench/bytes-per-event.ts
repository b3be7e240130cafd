import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { loadConfig } from '../src/config/config.js';
import { Database } from '../src/database/database.js';
import { MICROS_PER_SECOND } from '../src/domain/instant.js';
import type { UsageEvent } from '../src/domain/usage-event.js';
import { Recorder } from '../src/ledger/recorder.js';
import { foldAll } from '../src/usage/fold.js';
import { BenchPostgres } from './rig/bench-postgres.js';

const EVENTS_PER_REQUEST = 500;
const CUSTOMERS = 1_000;
const DAYS = 30;

/** Bytes of one table with all its parts, after a fold and a vacuum, divided by the events. */
interface TableSize {
  readonly table: string;
  readonly heap: number;
  readonly indexes: number;
}

interface Result {
  readonly events: number;
  readonly ids: string;
  readonly wal: number;
  readonly sizes: readonly TableSize[];
}

/**
 * What one event takes: node bench/run-child.js bytes-per-event.ts --events 200000 --ids uuid7 [--json]
 *
 * Events count in one meter of `sum` without dimensions, carry one short property, and are spread
 * over 1,000 customers and 30 days, so that about every quarter hour of a customer has its own total
 * while there are fewer than 3 million. `--ids`: `uuid7` (in order of time), `uuid4`, or `text`,
 * which is hashed.
 */
export async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      events: { type: 'string', default: '200000' },
      ids: { type: 'string', default: 'uuid7' },
      json: { type: 'boolean', default: false },
    },
  });
  const events = Number(values.events);
  const folder = await mkdtemp(join(tmpdir(), 'countonce-bench-'));
  try {
    await using postgres = await BenchPostgres.start(join(folder, 'data'), 0);
    await using database = await postgres.createDatabase();
    const result = await measure(database.url, events, values.ids);
    process.stdout.write(values.json ? `${JSON.stringify(result)}\n` : described(result));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function measure(url: string, events: number, ids: string): Promise<Result> {
  const db = new Database(url, 2);
  try {
    const walBefore = await walPosition(db);
    await record(db, events, ids);
    const wal = (await walPosition(db)) - walBefore;
    return { events, ids, wal: Math.round(wal / events), sizes: await sizesOf(db, events) };
  } finally {
    await db.end();
  }
}

async function record(db: Database, events: number, ids: string): Promise<void> {
  const [tenant] = await db.work.query<{ tenantId: string }>(TENANT, [randomBytes(32)]);
  const { tenantId } = tenant!;
  const recorder = new Recorder(db, loadConfig({}));
  const now = Date.now() * 1_000;
  for (let from = 0; from < events; from += EVENTS_PER_REQUEST) {
    const batch = Array.from(
      { length: Math.min(EVENTS_PER_REQUEST, events - from) },
      (_, i): UsageEvent => ({
        usageEventId: idOf(ids, from + i),
        source: '',
        customerId: `customer_${Math.floor(Math.random() * CUSTOMERS)}`,
        meter: 'tokens',
        quantity: String(1 + Math.floor(Math.random() * 10_000)),
        occurredAt: now - Math.floor(Math.random() * DAYS * 86_400) * MICROS_PER_SECOND,
        properties: { region: 'eu-central-1' },
      }),
    );
    const verdicts = await recorder.record(tenantId, batch);
    const refused = verdicts.find(({ status }) => status !== 'accepted');
    if (refused !== undefined) throw new Error(JSON.stringify(refused));
  }
  await foldAll(db.work, tenantId);
  await db.work.query('VACUUM (FREEZE, ANALYZE)');
}

function idOf(ids: string, n: number): string {
  if (ids === 'text') return `request-${n}-${randomBytes(6).toString('hex')}`;
  if (ids === 'uuid4') return randomUUID();
  const millis = Date.now().toString(16).padStart(12, '0');
  return `${millis.slice(0, 8)}-${millis.slice(8)}-7${randomUUID().slice(15)}`;
}

async function walPosition(db: Database): Promise<number> {
  const [row] = await db.work.query<{ at: number }>(
    `SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint AS at`,
  );
  return row!.at;
}

async function sizesOf(db: Database, events: number): Promise<TableSize[]> {
  const rows = await db.work.query<TableSize>(
    `SELECT coalesce(pg_partition_root(c.oid), c.oid)::regclass::text AS table,
            sum(pg_table_size(c.oid))::bigint AS heap, sum(pg_indexes_size(c.oid))::bigint AS indexes
       FROM pg_class c
      WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
        AND coalesce(pg_partition_root(c.oid), c.oid)::regclass::text LIKE 'usage_%'
      GROUP BY 1 HAVING sum(pg_table_size(c.oid)) > $1 ORDER BY 1`,
    [events],
  );
  const perEvent = (bytes: number): number => Math.round((bytes / events) * 10) / 10;
  return rows.map(({ table, heap, indexes }) => ({
    table,
    heap: perEvent(heap),
    indexes: perEvent(indexes),
  }));
}

function described({ events, ids, wal, sizes }: Result): string {
  const total = sizes.reduce((sum, { heap, indexes }) => sum + heap + indexes, 0);
  const lines = sizes.map(
    ({ table, heap, indexes }) =>
      `${table.padEnd(20)} ${heap.toFixed(1).padStart(8)} ${indexes.toFixed(1).padStart(8)}`,
  );
  return [
    `${events} events with ids ${ids}, bytes per event (table, indexes):`,
    ...lines,
    `together ${total.toFixed(0)}, and ${wal} of WAL on the way`,
    '',
  ].join('\n');
}

const TENANT = `
  WITH tenant AS (
    INSERT INTO tenant (name, hash_key) VALUES ('bench', $1) RETURNING tenant_id),
  meter AS (
    INSERT INTO meter (tenant_id, meter_no, key) SELECT tenant_id, 1, 'tokens' FROM tenant),
  settings AS (
    INSERT INTO meter_settings (tenant_id, meter_no, version, aggregation, event_types,
           value_property, late_usage)
    SELECT tenant_id, 1, 1, 'sum', ARRAY['tokens'], 'quantity', 'carry_forward' FROM tenant)
  SELECT tenant_id AS "tenantId" FROM tenant`;
