import { parseInstant } from '../domain/instant.js';
import type { Aggregation } from '../domain/meter.js';
import { statementOf, type OwnUsage, type Statement } from '../domain/statement.js';
import { apart, type Difference, type DifferenceKind, type Found } from './difference.js';

/** A period with a statement, or one that begins with a value of the period before. */
export interface StatementRow {
  readonly customer_no: number;
  readonly meter_no: number;
  readonly period_start: string;
  readonly aggregation: Aggregation;
  readonly carried_last: string | null;
  /** What the statement of the period before says, then with each amendment; null without one. */
  readonly befores: readonly string[] | null;
  /** Whether nothing amended it, and it carries no earlier value any more. */
  readonly is_settled: boolean;
  /** What its own statement says; null while it is open. */
  readonly closed: Statement | null;
  /** Of its own revision 0, from the ledger. Decimals are canonical. */
  readonly own: OwnUsage;
}

/** Statements that are not what the ledger gives. They are told, and never written again. */
export function statementDifferences(rows: readonly StatementRow[]): Found {
  const named = rows.flatMap((row) => [...carriedLast(row), ...statement(row)]);
  return { count: named.length, named };
}

function statement(row: StatementRow): Difference[] {
  if (row.closed === null) return [];
  const rebuilt = statementOf(row.own, row.aggregation, row.carried_last);
  const differs = Object.keys(rebuilt).some((name) => rebuilt[name] !== row.closed![name]);
  return differs ? [difference('statement', row, rebuilt, row.closed)] : [];
}

function carriedLast(row: StatementRow): Difference[] {
  const { befores, carried_last: stored } = row;
  const newest = befores?.at(-1);
  if (newest === undefined || stored === null) return [];
  const isBound = row.is_settled && row.own.last_quantity === null;
  if (isBound ? stored === newest : befores!.includes(stored)) return [];
  return [difference('carried_last', row, { carried_last: newest }, { carried_last: stored })];
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
