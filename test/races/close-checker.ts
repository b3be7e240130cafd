import { createHash } from 'node:crypto';
import type { Queryable } from '../../src/database/connections.js';
import { formatInstantMicros, type Micros } from '../../src/domain/instant.js';

/** One customer's usage of one meter. */
export interface CloseSubject {
  readonly tenantId: string;
  readonly customerNo: number;
  readonly meterNo: number;
  readonly meterKey: string;
}

/** A statement as it stands in the database, exactly. */
export interface FrozenStatement {
  readonly value: string;
  readonly carriedIn: string;
  readonly eventCount: number;
  readonly digest: string;
  readonly closedAt: Micros;
}

interface LedgerEntry {
  readonly eventKey: string;
  /** In units of 10^-12, the ledger's scale. */
  readonly units: bigint;
  readonly quantity: string;
  readonly periodStart: Micros;
  readonly originStart: Micros;
  readonly periodStartText: string;
  readonly revision: number;
  readonly late: boolean;
}

const UNIT_DIGITS = 12;
const MODULUS = 2n ** 256n;

export async function readStatement(
  db: Queryable,
  { tenantId, customerNo, meterNo }: CloseSubject,
  periodStart: Micros,
): Promise<FrozenStatement | undefined> {
  const [statement] = await db.query<FrozenStatement>(
    `SELECT value::numeric(38, ${UNIT_DIGITS})::text AS value,
            carried_in::numeric(38, ${UNIT_DIGITS})::text AS "carriedIn",
            event_count AS "eventCount", encode(digest, 'hex') AS digest, closed_at AS "closedAt"
       FROM billing_period
      WHERE tenant_id = $1 AND customer_no = $2 AND meter_no = $3
        AND period_start = $4::timestamptz AND closed_at IS NOT NULL`,
    [tenantId, customerNo, meterNo, formatInstantMicros(periodStart)],
  );
  return statement;
}

/**
 * Holds a closed period of a meter of `sum` against the ledger: each entry must be in the statement
 * or late, never both, never neither. Nothing of `src` is used for the arithmetic.
 *
 * @returns What is wrong, in words; nothing where all is right.
 */
export async function checkClose(
  db: Queryable,
  subject: CloseSubject,
  periodStart: Micros,
): Promise<string[]> {
  const statement = await readStatement(db, subject, periodStart);
  if (statement === undefined) return ['the period is not closed'];
  const entries = await readLedger(db, subject, periodStart);
  const happened = entries.filter((entry) => entry.originStart === periodStart);
  const billed = entries.filter(
    (entry) => entry.periodStart === periodStart && entry.revision === 0,
  );
  const carried = billed.filter((entry) => entry.originStart !== periodStart);
  const late = happened.filter((entry) => entry.late);

  const findings = happened.flatMap((entry) => misplacement(entry, periodStart));
  const claim = (what: string, told: unknown, holds: unknown): void => {
    if (told !== holds)
      findings.push(`${what}: told ${String(told)}, the ledger says ${String(holds)}`);
  };
  const own = unitsOf(statement.value) - unitsOf(statement.carriedIn);
  claim('statement and late usage', own + sum(late), sum(happened));
  claim('value', unitsOf(statement.value), sum(billed));
  claim('carried in', unitsOf(statement.carriedIn), sum(carried));
  claim('event count', statement.eventCount, billed.length);
  claim('digest', statement.digest, digestOf(subject.meterKey, billed));
  return findings;
}

/** An entry is billed where it happened, or it is late and billed elsewhere. */
function misplacement(entry: LedgerEntry, periodStart: Micros): string[] {
  const inStatement = entry.periodStart === periodStart && entry.revision === 0;
  if (inStatement !== entry.late) return [];
  const fault = inStatement ? 'late and in the statement' : 'neither late nor in the statement';
  return [`${entry.eventKey} is ${fault}`];
}

async function readLedger(
  db: Queryable,
  { tenantId, customerNo, meterNo }: CloseSubject,
  periodStart: Micros,
): Promise<LedgerEntry[]> {
  const rows = await db.query<Omit<LedgerEntry, 'units'> & { exact: string }>(
    `SELECT event_key AS "eventKey", quantity::text AS exact,
            trim_scale(quantity)::text AS quantity, period_start AS "periodStart",
            origin_start AS "originStart", revision, late,
            to_char(period_start, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS "periodStartText"
       FROM usage_entry
      WHERE tenant_id = $1 AND customer_no = $2 AND meter_no = $3 AND billable
        AND $4::timestamptz IN (period_start, origin_start)`,
    [tenantId, customerNo, meterNo, formatInstantMicros(periodStart)],
  );
  return rows.map(({ exact, ...row }) => ({ ...row, units: unitsOf(exact) }));
}

/** Exactly twelve digits after the point, as numeric(27, 12) prints them. */
function unitsOf(exact: string): bigint {
  return BigInt(exact.replace('.', ''));
}

function sum(entries: readonly LedgerEntry[]): bigint {
  return entries.reduce((total, entry) => total + entry.units, 0n);
}

/** The contract's digest, from its words. */
function digestOf(meterKey: string, entries: readonly LedgerEntry[]): string {
  const total = entries.reduce((digests, { eventKey, periodStartText, quantity }) => {
    const text = JSON.stringify([eventKey, meterKey, periodStartText, quantity, '0']);
    return digests + BigInt(`0x${sha256(text)}`);
  }, 0n);
  return sha256(JSON.stringify([String(entries.length), String(total % MODULUS)]));
}

function sha256(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex');
}
