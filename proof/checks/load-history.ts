import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type pg from 'pg';
import { METERS } from '../usage.js';
import type { HistoryLine } from '../history.js';

type Timed = HistoryLine & { readonly t: number };

const ROWS_PER_INSERT = 5_000;

/** Beside the product's tables, in a schema that it knows nothing of. */
const TABLES = `
  CREATE TABLE proof.sent (
    tenant text NOT NULL, request int NOT NULL, index int NOT NULL, t float8 NOT NULL,
    usage_event_id text COLLATE "C" NOT NULL, customer_id text NOT NULL, meter text NOT NULL,
    quantity numeric, occurred_at timestamptz, properties jsonb, PRIMARY KEY (request, index));
  CREATE TABLE proof.answered (
    request int NOT NULL, index int NOT NULL, t float8 NOT NULL, verdict text NOT NULL,
    PRIMARY KEY (request, index));
  CREATE TABLE proof.read (
    tenant text NOT NULL, process text NOT NULL, customer_id text NOT NULL, meter text NOT NULL,
    invoked_t float8 NOT NULL, t float8 NOT NULL, count bigint NOT NULL);
  CREATE TABLE proof.error (code text NOT NULL, request int NOT NULL);
  CREATE TABLE proof.listens (event_type text NOT NULL, meter text NOT NULL, aggregation text NOT NULL);
  CREATE TABLE proof.tenant (tenant text PRIMARY KEY, tenant_id uuid NOT NULL);
  INSERT INTO proof.tenant SELECT 'first', tenant_id FROM public.tenant WHERE name = 'default'
   UNION ALL SELECT 'second', tenant_id FROM public.tenant WHERE name = 'second'`;

const INDEXES = `
  CREATE INDEX ON proof.sent (tenant, usage_event_id);
  CREATE INDEX ON proof.sent (tenant, customer_id, meter, t);
  -- What the product recorded, under the tenants' names here.
  CREATE TABLE proof.recorded AS
    SELECT n.tenant, e.* FROM usage_event e JOIN proof.tenant n USING (tenant_id);
  CREATE INDEX ON proof.recorded (tenant, usage_event_id);
  ANALYZE proof.sent, proof.answered, proof.recorded, proof.read`;

const INSERTS = {
  sent: `INSERT INTO proof.sent SELECT tenant, request, index, t, usage_event_id, customer_id, meter,
           quantity, occurred_at, properties FROM json_populate_recordset(NULL::proof.sent, $1)`,
  answered: `INSERT INTO proof.answered SELECT * FROM json_populate_recordset(NULL::proof.answered, $1)`,
  read: `INSERT INTO proof.read SELECT * FROM json_populate_recordset(NULL::proof.read, $1)`,
  error: `INSERT INTO proof.error SELECT * FROM json_populate_recordset(NULL::proof.error, $1)`,
} as const;

type Table = keyof typeof INSERTS;

/** Brings the recorded history into tables, line by line, for the checks to hold against the rest. */
export async function loadHistory(admin: pg.Client, file: string): Promise<void> {
  await admin.query(TABLES);
  await loadMeters(admin);
  const waiting: Record<Table, object[]> = { sent: [], answered: [], read: [], error: [] };
  const flush = async (table: Table): Promise<void> => {
    const rows = waiting[table].splice(0);
    if (rows.length > 0) await admin.query(INSERTS[table], [JSON.stringify(rows)]);
  };
  for await (const text of createInterface({ input: createReadStream(file) })) {
    for (const [table, row] of rowsOf(JSON.parse(text) as Timed)) {
      waiting[table].push(row);
      if (waiting[table].length >= ROWS_PER_INSERT) await flush(table);
    }
  }
  for (const table of Object.keys(INSERTS) as Table[]) await flush(table);
  await admin.query(INDEXES);
}

async function loadMeters(admin: pg.Client): Promise<void> {
  for (const meter of METERS) {
    const types = 'event_types' in meter ? meter.event_types : [meter.key];
    await admin.query('INSERT INTO proof.listens SELECT unnest($1::text[]), $2, $3', [
      types,
      meter.key,
      meter.aggregation,
    ]);
  }
}

function rowsOf(line: Timed): [Table, object][] {
  const { t } = line;
  if (line.op === 'read') {
    const { tenant, process, customer, meter, invokedMs, count } = line;
    const row = { tenant, process, customer_id: customer, meter, invoked_t: invokedMs, t, count };
    return [['read', row]];
  }
  if (line.op !== 'send' || line.type === 'info') return [];
  const { request } = line;
  if (line.type === 'invoke') {
    const { tenant } = line;
    return line.events.map((event, index) => ['sent', { tenant, request, index, t, ...event }]);
  }
  return [
    ...line.verdicts.map((verdict, index): [Table, object] => [
      'answered',
      { request, index, t, verdict },
    ]),
    ...(line.errors ?? []).map((code): [Table, object] => ['error', { code, request }]),
  ];
}
