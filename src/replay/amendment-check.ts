import { sumOf } from '../domain/decimal-arithmetic.js';
import { parseInstant } from '../domain/instant.js';
import { amendmentOf } from '../domain/statement.js';
import { BEFORES, IS_CARRY_SETTLED } from './befores.sql.js';
import { apart, type Difference, type Found } from './difference.js';

/** A frozen amendment of a closed statement. Decimals are canonical. */
export interface AmendmentRow {
  readonly customer_no: number;
  readonly meter_no: number;
  readonly period_start: string;
  readonly revision: number;
  readonly value: string;
  readonly event_count: string;
  /** Hex. */
  readonly digest: string;
  /** What the period comes to with it and all before it, as they are stored. */
  readonly through: string;
  /** The same from the ledger; null without any usage left. */
  readonly ledger_through: string | null;
  /** What it was made with. */
  readonly carried_last: string | null;
  /** What the statement of the period before says, then with each amendment; null without one. */
  readonly befores: readonly string[] | null;
  /** Whether it is the newest, and carries no earlier value any more. */
  readonly is_settled: boolean;
  readonly ledger_count: string;
  /** Sum of the entries' digests. */
  readonly ledger_digest: string;
}

/** Amendments that are not what the ledger gives. They are told, and never written again. */
export function amendmentDifferences(rows: readonly AmendmentRow[]): Found {
  const named = rows.flatMap((row) => [...carriedLast(row), ...amendment(row)]);
  return { count: named.length, named };
}

function amendment(row: AmendmentRow): Difference[] {
  const own = { entry_count: row.ledger_count, digest: row.ledger_digest };
  const ledger = amendmentOf(own, row.ledger_through, row.carried_last);
  const { event_count, digest } = row;
  const values = apart(ledger, { through: sumOf([row.through]), event_count, digest });
  if (Object.keys(values.stored!).length === 0) return [];
  return [{ kind: 'amendment', ...placeOf(row), ...values }];
}

/** An amendment begins with what the period before it had come to when it was made. */
function carriedLast(row: AmendmentRow): Difference[] {
  const { befores, carried_last: stored } = row;
  const newest = befores?.at(-1);
  if (newest === undefined || stored === null) return [];
  const isBound = row.is_settled && row.ledger_through === null;
  if (isBound ? stored === newest : befores!.includes(stored)) return [];
  const values = { ledger: { carried_last: newest }, stored: { carried_last: stored } };
  return [{ kind: 'carried_last', ...placeOf(row), ...values }];
}

function placeOf(row: AmendmentRow) {
  return {
    customerNo: row.customer_no,
    meterNo: row.meter_no,
    periodStart: parseInstant(row.period_start)!,
    place: { revision: row.revision, value: row.value },
    mendable: false,
  };
}

const at = (column: string): string => `to_char(${column}, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;

/** Entries of one period that stand with one revision, beside `a`. */
const STANDING = `
  FROM entry e
 WHERE e.customer_no = a.customer_no AND e.meter_no = a.meter_no
   AND e.period_start = a.period_start AND e.billable AND NOT e.is_void
   AND e.revision <= a.revision
   AND NOT EXISTS (SELECT FROM entry v
                    WHERE v.is_void AND v.event_key = e.event_key AND v.meter_no = e.meter_no
                      AND v.period_start = e.period_start AND v.revision <= a.revision)`;

/** Of months that left the ledger: nothing of these was voided after its period was closed. */
const isGoneWith = (c: string): string => `
  ${c}.customer_no = a.customer_no AND ${c}.meter_no = a.meter_no
  AND ${c}.period_start = a.period_start AND ${c}.billable AND ${c}.revision <= a.revision`;

/** In the frame of a rebuild with members: `k`, `entry`, `gone`, `gone_member`, `rebuilt`. */
export const AMENDMENTS = `
  SELECT a.customer_no, a.meter_no, ${at('a.period_start')} AS period_start, a.revision,
         trim_scale(a.value)::text AS value, a.event_count::text AS event_count,
         encode(a.digest, 'hex') AS digest, 
         trim_scale(coalesce(a.carried_last, p.carried_last))::text AS carried_last,
         ${BEFORES} AS befores,
         ${IS_CARRY_SETTLED} AND NOT EXISTS (
           SELECT FROM period_amendment n
            WHERE n.tenant_id = $1 AND n.customer_no = a.customer_no AND n.meter_no = a.meter_no
              AND n.period_start = a.period_start AND n.revision > a.revision) AS is_settled,
         trim_scale(p.value + (SELECT sum(b.value) FROM period_amendment b
           WHERE b.tenant_id = $1 AND b.customer_no = a.customer_no AND b.meter_no = a.meter_no
             AND b.period_start = a.period_start AND b.revision <= a.revision))::text AS through,
         trim_scale(CASE s.aggregation
           WHEN 'sum' THEN o.quantity_sum
           WHEN 'count' THEN o.entry_count::numeric
           WHEN 'max' THEN greatest((SELECT max(e.quantity) ${STANDING}),
                (SELECT max(c.quantity_max) FROM gone c WHERE ${isGoneWith('c')}))
           WHEN 'last' THEN (SELECT quantity FROM (
                SELECT e.quantity, e.occurred_at AS at, e.event_key AS key ${STANDING}
                 UNION ALL
                SELECT c.last_quantity, c.last_at, c.last_key FROM gone c
                 WHERE ${isGoneWith('c')} AND c.last_at IS NOT NULL) l
                 ORDER BY at DESC, key DESC LIMIT 1)
           ELSE (SELECT count(unique_key) FROM (SELECT e.unique_key ${STANDING}
                  UNION
                 SELECT c.unique_key FROM gone_member c
                  WHERE ${isGoneWith('c')}) m)::numeric END)::text
           AS ledger_through,
         coalesce(o.own_count, 0)::text AS ledger_count,
         coalesce(o.own_digest, 0)::text AS ledger_digest
    FROM k JOIN period_amendment a ON a.tenant_id = $1 AND a.customer_no = k.customer_no
     AND a.meter_no = k.meter_no AND a.period_start = k.period_start AND a.created_at IS NOT NULL
    JOIN billing_period p ON p.tenant_id = $1 AND p.customer_no = a.customer_no
     AND p.meter_no = a.meter_no AND p.period_start = a.period_start
   CROSS JOIN LATERAL (SELECT aggregation, carry_last FROM meter_settings s
          WHERE s.tenant_id = $1 AND s.meter_no = a.meter_no ORDER BY version DESC LIMIT 1) s
   CROSS JOIN LATERAL (
         SELECT sum(r.quantity_sum) AS quantity_sum, sum(r.entry_count) AS entry_count,
                sum(r.entry_count) FILTER (WHERE r.revision = a.revision) AS own_count,
                sum(r.digest) FILTER (WHERE r.revision = a.revision) AS own_digest
           FROM rebuilt r
          WHERE r.customer_no = a.customer_no AND r.meter_no = a.meter_no
            AND r.period_start = a.period_start AND r.billable AND r.revision <= a.revision) o
   ORDER BY a.customer_no, a.meter_no, a.period_start, a.revision`;
