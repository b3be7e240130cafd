import { statementDigest } from '../domain/entry-digest.js';
import { parseInstant } from '../domain/instant.js';
import type { Aggregation } from '../domain/meter.js';
import { apart, type Difference, type DifferenceKind, type Found } from './difference.js';

interface Statement extends Readonly<Record<string, string>> {
  readonly value: string;
  readonly carried_in: string;
  readonly event_count: string;
  /** Hex. */
  readonly digest: string;
}

/** A period with a statement, or one that begins with a value of the period before. */
export interface StatementRow {
  readonly customer_no: number;
  readonly meter_no: number;
  readonly period_start: string;
  readonly aggregation: Aggregation;
  readonly carried_last: string | null;
  /** What the statement of the period before says, then with each amendment; null without one. */
  readonly befores: readonly string[] | null;
  /** What its own statement says; null while it is open. */
  readonly closed: Statement | null;
  /** Of its own revision 0, from the ledger. Decimals are canonical. */
  readonly own: {
    readonly quantity_sum: string | null;
    readonly quantity_max: string | null;
    readonly last_quantity: string | null;
    readonly entry_count: string;
    readonly carried_sum: string | null;
    readonly carried_count: string | null;
    readonly unique_count: string | null;
    /** Sum of the entries' digests. */
    readonly digest: string;
  };
}

/** Statements that are not what the ledger gives. They are told, and never written again. */
export function statementDifferences(rows: readonly StatementRow[]): Found {
  const named = rows.flatMap((row) => [...carriedLast(row), ...statement(row)]);
  return { count: named.length, named };
}

function statement(row: StatementRow): Difference[] {
  if (row.closed === null) return [];
  const rebuilt = rebuiltStatement(row);
  const differs = Object.keys(rebuilt).some((name) => rebuilt[name] !== row.closed![name]);
  return differs ? [difference('statement', row, rebuilt, row.closed)] : [];
}

function carriedLast(row: StatementRow): Difference[] {
  const { befores, carried_last: stored } = row;
  const newest = befores?.at(-1);
  if (newest === undefined || stored === null || befores!.includes(stored)) return [];
  return [difference('carried_last', row, { carried_last: newest }, { carried_last: stored })];
}

/** As a close makes it. */
function rebuiltStatement({ own, aggregation, carried_last: carried }: StatementRow): Statement {
  const value = {
    sum: own.quantity_sum,
    count: own.entry_count === '0' ? null : own.entry_count,
    max: own.quantity_max,
    last: own.last_quantity,
    unique_count: own.unique_count,
  }[aggregation];
  const carriedIn = { sum: own.carried_sum, count: own.carried_count };
  return {
    value: value ?? carried ?? '0',
    carried_in:
      value === null && carried !== null
        ? carried
        : ((aggregation === 'sum' || aggregation === 'count' ? carriedIn[aggregation] : null) ??
          '0'),
    event_count: own.entry_count,
    digest: statementDigest(Number(own.entry_count), BigInt(own.digest)).toString('hex'),
  };
}

function difference(
  kind: DifferenceKind,
  row: StatementRow,
  ledger: Readonly<Record<string, string>>,
  stored: Readonly<Record<string, string>>,
): Difference {
  return {
    kind,
    customerNo: row.customer_no,
    meterNo: row.meter_no,
    periodStart: parseInstant(row.period_start)!,
    place: {},
    ...apart(ledger, stored),
    mendable: false,
  };
}
