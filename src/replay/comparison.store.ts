import type { Queryable } from '../database/connections.js';
import { parseInstant, type Micros } from '../domain/instant.js';
import { periodKeyArrays, type PeriodKey } from '../usage/period-values.js';
import { AMENDMENTS, amendmentDifferences, type AmendmentRow } from './amendment-check.js';
import { BEFORES, IS_CARRY_SETTLED } from './befores.sql.js';
import { apart, together, type Difference, type DifferenceKind, type Found } from './difference.js';
import { REBUILD_WITH_MEMBERS } from './rebuild.sql.js';
import { statementDifferences, type StatementRow } from './statement-check.js';

/** What was found of some periods. */
export interface Comparison {
  readonly entries: number;
  readonly totals: number;
  readonly statements: number;
  readonly found: Found;
  /** Whether totals or sets differ, which an apply puts right. */
  readonly isMendable: boolean;
  /** Whether a set has a member that the ledger knows nothing of. */
  readonly hasSurplusMember: boolean;
}

interface NamedRow {
  readonly customer_no: number;
  readonly meter_no: number;
  readonly period_start: string;
  readonly place: Record<string, unknown>;
  readonly ledger: Record<string, unknown> | null;
  readonly stored: Record<string, unknown> | null;
}

interface ComparisonRow {
  readonly entries: number;
  readonly totals: number;
  readonly totalCount: number;
  readonly totalRows: NamedRow[] | null;
  readonly setCount: number;
  readonly setRows: NamedRow[] | null;
  readonly surplus: boolean;
  readonly missingRows: NamedRow[] | null;
  readonly keylessCount: number;
  readonly keylessRows: NamedRow[] | null;
  readonly statements: StatementRow[] | null;
  readonly amendments: AmendmentRow[] | null;
}

/**
 * Holds totals, sets and statements of some periods against the ledger, in one snapshot.
 *
 * @param namedMax How many differences of a kind are named; all are counted.
 */
export async function comparePeriods(
  db: Queryable,
  tenantId: string,
  keys: readonly PeriodKey[],
  namedMax: number,
): Promise<Comparison> {
  const [row] = await db.query<ComparisonRow>(COMPARE, [
    tenantId,
    ...periodKeyArrays(keys),
    namedMax,
  ]);
  const statements = row!.statements ?? [];
  const found = together([
    named('total', row!.totalCount, row!.totalRows, true),
    named('unique_set', row!.setCount, row!.setRows, true),
    named('period_missing', row!.missingRows?.length ?? 0, row!.missingRows, false),
    named('entry_without_key', row!.keylessCount, row!.keylessRows, false),
    statementDifferences(statements),
    amendmentDifferences(row!.amendments ?? []),
  ]);
  return {
    entries: row!.entries,
    totals: row!.totals,
    statements: statements.filter(({ closed }) => closed !== null).length,
    found,
    isMendable: row!.totalCount + row!.setCount > 0,
    hasSurplusMember: row!.surplus,
  };
}

function named(
  kind: DifferenceKind,
  count: number,
  rows: readonly NamedRow[] | null,
  mendable: boolean,
): Found {
  return { count, named: (rows ?? []).map((row) => toDifference(kind, row, mendable)) };
}

function toDifference(kind: DifferenceKind, row: NamedRow, mendable: boolean): Difference {
  return {
    kind,
    customerNo: row.customer_no,
    meterNo: row.meter_no,
    periodStart: instantOfJson(row.period_start),
    place: row.place,
    ...(kind === 'total'
      ? apart(row.ledger, row.stored)
      : { ledger: row.ledger, stored: row.stored }),
    mendable,
  };
}

export function instantOfJson(text: string): Micros {
  return parseInstant(text)!;
}

/** An instant in JSON, as the rest of the API writes it. */
const at = (column: string): string => `to_char(${column}, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;

const GROUP_PLACE = `
  'revision', revision, 'billable', billable, 'bucket', ${at('bucket')},
  'dimensions', dimensions`;

const TOTALS = `
  SELECT customer_no, meter_no, ${at('period_start')} AS period_start,
         jsonb_build_object('origin_start', ${at('origin_start')}, ${GROUP_PLACE}) AS place,
         ledger_value AS ledger, stored_value AS stored
    FROM difference
   ORDER BY customer_no, meter_no, period_start, bucket, dimensions LIMIT $5`;

/** Sets are told by how many members they have, and how many of them the other side lacks. */
const SETS = `
  SELECT customer_no, meter_no, ${at('period_start')} AS period_start,
         jsonb_build_object(${GROUP_PLACE}) AS place,
         jsonb_build_object('not_stored', count(*) FILTER (WHERE side = 'ledger')) AS ledger,
         jsonb_build_object('not_in_ledger', count(*) FILTER (WHERE side = 'stored')) AS stored
    FROM member_difference
   GROUP BY customer_no, meter_no, member_difference.period_start, revision, billable, bucket,
         dimensions
   ORDER BY customer_no, meter_no, period_start, bucket, dimensions LIMIT $5`;

const MISSING = `
  SELECT customer_no, meter_no, ${at('period_start')} AS period_start, '{}'::jsonb AS place,
         jsonb_build_object('event_count', sum(entry_count)::text) AS ledger, NULL::jsonb AS stored
    FROM rebuilt r
   WHERE billable AND NOT EXISTS (
           SELECT FROM billing_period p
            WHERE p.tenant_id = $1 AND p.customer_no = r.customer_no AND p.meter_no = r.meter_no
              AND p.period_start = r.period_start)
   GROUP BY customer_no, meter_no, r.period_start`;

const KEYLESS = `
  SELECT e.* FROM entry e
   WHERE NOT EXISTS (SELECT FROM usage_event_key i
                      WHERE i.tenant_id = $1 AND i.event_key = e.event_key)`;

const KEYLESS_NAMED = `
  SELECT customer_no, meter_no, ${at('period_start')} AS period_start,
         jsonb_build_object('event_key', event_key) AS place,
         jsonb_build_object('quantity', trim_scale(quantity)::text) AS ledger, NULL::jsonb AS stored
    FROM keyless ORDER BY event_key LIMIT $5`;

/** Closed periods, and open ones that begin with what the one before ended with. */
const STATEMENTS = `
  SELECT p.customer_no, p.meter_no, ${at('p.period_start')} AS period_start, s.aggregation,
         trim_scale(p.carried_last)::text AS carried_last,
         ${BEFORES} AS befores,
         ${IS_CARRY_SETTLED} AND NOT EXISTS (
           SELECT FROM period_amendment a
            WHERE a.tenant_id = $1 AND a.customer_no = p.customer_no AND a.meter_no = p.meter_no
              AND a.period_start = p.period_start) AS is_settled,
         CASE WHEN p.closed_at IS NOT NULL THEN jsonb_build_object(
           'value', trim_scale(p.value)::text, 'carried_in', trim_scale(p.carried_in)::text,
           'event_count', p.event_count::text, 'digest', encode(p.digest, 'hex')) END AS closed,
         jsonb_build_object(
           'quantity_sum', trim_scale(o.quantity_sum)::text,
           'quantity_max', trim_scale(o.quantity_max)::text,
           'last_quantity', trim_scale(o.last_quantity)::text,
           'entry_count', coalesce(o.entry_count, 0)::text,
           'carried_sum', trim_scale(o.carried_sum)::text, 'carried_count', o.carried_count::text,
           'unique_count', m.unique_count::text, 'digest', coalesce(o.digest, 0)::text) AS own
    FROM k JOIN billing_period p ON p.tenant_id = $1 AND p.customer_no = k.customer_no
     AND p.meter_no = k.meter_no AND p.period_start = k.period_start
   CROSS JOIN LATERAL (SELECT aggregation, carry_last FROM meter_settings s
          WHERE s.tenant_id = $1 AND s.meter_no = p.meter_no ORDER BY version DESC LIMIT 1) s
    LEFT JOIN own o ON o.customer_no = p.customer_no AND o.meter_no = p.meter_no
          AND o.period_start = p.period_start
    LEFT JOIN own_members m ON m.customer_no = p.customer_no AND m.meter_no = p.meter_no
          AND m.period_start = p.period_start
   WHERE p.closed_at IS NOT NULL OR p.carried_last IS NOT NULL
   ORDER BY p.customer_no, p.meter_no, p.period_start`;

const COMPARE = `
  ${REBUILD_WITH_MEMBERS},
  own AS (
    SELECT customer_no, meter_no, period_start, sum(quantity_sum) AS quantity_sum,
           max(quantity_max) AS quantity_max, sum(entry_count) AS entry_count,
           (array_agg(last_quantity ORDER BY last_at DESC NULLS LAST, last_key DESC))[1]
             AS last_quantity,
           sum(quantity_sum) FILTER (WHERE origin_start <> period_start) AS carried_sum,
           sum(entry_count) FILTER (WHERE origin_start <> period_start) AS carried_count,
           sum(digest) AS digest
      FROM rebuilt WHERE revision = 0 AND billable GROUP BY customer_no, meter_no, period_start),
  own_members AS (
    SELECT customer_no, meter_no, period_start, count(DISTINCT unique_key) AS unique_count
      FROM ledger_member WHERE revision = 0 AND billable
     GROUP BY customer_no, meter_no, period_start),
  keyless AS MATERIALIZED (${KEYLESS})
  SELECT (SELECT count(*) FROM entry) AS "entries",
         (SELECT count(*) FROM stored) AS "totals",
         (SELECT count(*) FROM difference) AS "totalCount",
         (SELECT jsonb_agg(t) FROM (${TOTALS}) t) AS "totalRows",
         (SELECT count(DISTINCT (customer_no, meter_no, period_start, revision, billable, bucket,
                                 dimensions)) FROM member_difference) AS "setCount",
         (SELECT jsonb_agg(t) FROM (${SETS}) t) AS "setRows",
         EXISTS (SELECT FROM member_difference WHERE side = 'stored') AS "surplus",
         (SELECT jsonb_agg(t) FROM (${MISSING}) t) AS "missingRows",
         (SELECT count(*) FROM keyless) AS "keylessCount",
         (SELECT jsonb_agg(t) FROM (${KEYLESS_NAMED}) t) AS "keylessRows",
         (SELECT jsonb_agg(t) FROM (${STATEMENTS}) t) AS "statements",
         (SELECT jsonb_agg(t) FROM (${AMENDMENTS}) t) AS "amendments"`;
