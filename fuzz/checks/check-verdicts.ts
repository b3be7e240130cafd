import type pg from 'pg';
import Big from 'big.js';
import type { World } from '../world.js';
import { keyOf, type Journal, type KnownId, type Told } from './journal.js';
import { microsOf, sortedJson, type SentEvent } from './sent-event.js';

/** An event as the ledger has it. */
export interface Row {
  readonly tenant_id: string;
  readonly source: string;
  readonly usage_event_id: string;
  readonly customer_id: string;
  readonly meter: string;
  readonly quantity: string | null;
  readonly occurred_micros: string;
  readonly occurred_at_sent: boolean;
  readonly properties: unknown;
}

export interface VerdictFinding {
  readonly request: number | undefined;
  readonly check: string;
  readonly detail: string;
}

const COLUMNS = `tenant_id, source, usage_event_id, customer_id, meter, quantity::text,
  (extract(epoch FROM occurred_at) * 1000000)::bigint::text AS occurred_micros, occurred_at_sent,
  properties`;

/** So that ids are found by what was sent, and not by a key that the product makes of it. */
export async function prepareVerdicts(admin: pg.Client): Promise<void> {
  await admin.query(
    'CREATE INDEX fuzz_usage_event_idx ON usage_event (tenant_id, usage_event_id, source)',
  );
}

/** Holds what was told against what is in the ledger at this moment. */
export async function checkTold(
  admin: pg.Client,
  world: World,
  told: readonly Told[],
): Promise<VerdictFinding[]> {
  const rows = await rowsOf(admin, world, told);
  return told.flatMap((one) => {
    const { request, event, verdict, fields } = one;
    const found = rows.get(`${one.tenant} ${keyOf(event.source, event.id)}`) ?? [];
    const finding = (check: string, more = ''): VerdictFinding[] => [
      { request, check, detail: `${JSON.stringify(event).slice(0, 600)}${more}` },
    ];
    const [row] = found;
    if (row === undefined) return finding(`${verdict} and not in the ledger`);
    if (found.length > 1) return finding('in the ledger more than once');
    const different = differences(event, row);
    if (verdict !== 'conflict') {
      if (different.length === 0) return [];
      return finding(`${verdict} and other content in the ledger`, `, in ${different.join(', ')}`);
    }
    if (different.length === 0) return finding('conflict with the same content');
    if (
      !Array.isArray(fields) ||
      new Set([...fields, ...different]).size === Math.max(fields.length, different.length)
    )
      return [];
    return finding('a conflict about other fields', `: ${fields.join()}, not ${different.join()}`);
  });
}

/** @returns The contract's names of what differs. */
export function differences(event: SentEvent, row: Row): string[] {
  const sentMicros = event.occurredAt === undefined ? undefined : microsOf(event.occurredAt);
  const rowMicros = row.occurred_at_sent ? Number(row.occurred_micros) : undefined;
  const rowProperties = row.properties === null ? undefined : sortedJson(row.properties);
  return [
    ...(event.customer === row.customer_id ? [] : ['customer_id']),
    ...(event.meter === row.meter ? [] : ['meter']),
    ...(isSameDecimal(event.quantity, row.quantity) ? [] : ['quantity']),
    ...(sentMicros === rowMicros ? [] : ['occurred_at']),
    ...(event.properties === rowProperties ? [] : ['properties']),
  ];
}

function isSameDecimal(sent: string | undefined, recorded: string | null): boolean {
  if (sent === undefined || recorded === null) return sent === undefined && recorded === null;
  try {
    return new Big(sent).eq(recorded);
  } catch {
    return false;
  }
}

async function rowsOf(
  admin: pg.Client,
  world: World,
  told: readonly Told[],
): Promise<ReadonlyMap<string, Row[]>> {
  const byKey = new Map<string, Row[]>();
  for (const tenant of [0, 1] as const) {
    const events = told.filter((one) => one.tenant === tenant).map(({ event }) => event);
    if (events.length === 0) continue;
    const { rows } = await admin.query<Row>(
      `SELECT ${COLUMNS} FROM usage_event
        WHERE tenant_id = $1 AND (usage_event_id, source) IN (
              SELECT * FROM unnest($2::text[], $3::text[]))`,
      [world.tenants[tenant]!.id, events.map(({ id }) => id), events.map(({ source }) => source)],
    );
    for (const row of rows) {
      const key = `${tenant} ${keyOf(row.source, row.usage_event_id)}`;
      byKey.set(key, [...(byKey.get(key) ?? []), row]);
    }
  }
  return byKey;
}

const PAGE = 20_000;

/**
 * The other way round, once all is quiet: nothing is in the ledger that was not sent so, that was
 * refused, or that was accepted twice.
 */
export async function checkWholeLedger(
  admin: pg.Client,
  world: World,
  journal: Journal,
): Promise<{ readonly findings: VerdictFinding[]; readonly rows: number }> {
  const findings: VerdictFinding[] = [];
  const unnamed: [number, number] = [0, 0];
  let rows = 0;
  await admin.query('BEGIN');
  await admin.query(`DECLARE events CURSOR FOR SELECT ${COLUMNS} FROM usage_event`);
  for (;;) {
    const page = await admin.query<Row>(`FETCH ${PAGE} FROM events`);
    if (page.rows.length === 0) break;
    rows += page.rows.length;
    for (const row of page.rows) {
      const tenant = world.tenants.findIndex(({ id }) => id === row.tenant_id) as 0 | 1;
      const known = journal.ids[tenant]?.get(keyOf(row.source, row.usage_event_id));
      const wrong = wrongWith(row, known);
      if (wrong !== undefined) {
        const detail = JSON.stringify(row).slice(0, 600);
        findings.push({ request: undefined, check: wrong, detail });
      } else if (known!.accepted === 0 && !known!.maybe) unnamed[tenant]++;
    }
  }
  await admin.query('COMMIT');
  for (const tenant of [0, 1] as const) {
    if (unnamed[tenant] <= journal.replayed[tenant]) continue;
    const detail = `${unnamed[tenant]} events, and replays said ${journal.replayed[tenant]}`;
    findings.push({ request: undefined, check: 'refused and in the ledger', detail });
  }
  return { findings, rows };
}

function wrongWith(row: Row, known: KnownId | undefined): string | undefined {
  if (known === undefined) return 'in the ledger and never sent';
  if (known.contents.every((content) => differences(content, row).length > 0)) {
    return 'in the ledger with content that was never sent';
  }
  if (known.accepted > 1) return 'accepted more than once';
  if (known.accepted === 0 && !known.maybe && !known.refused) return 'in the ledger, and not told';
  return undefined;
}
