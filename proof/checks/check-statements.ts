import type pg from 'pg';
import { checkBySql, type Check } from './check.js';

/** 2^256, as the digest is counted. */
const MODULUS = '115792089237316195423570985008687907853269984665640564039457584007913129639936';

/** Statements held against the ledger: bank, in the words of Jepsen. */
export async function checkStatements(admin: pg.Client): Promise<Check[]> {
  const statements = 'SELECT count(*) FROM billing_period WHERE closed_at IS NOT NULL';
  return [
    await checkBySql(
      admin,
      'every period of the first tenant is closed in the end',
      `SELECT format('customer %s, meter %s, %s to %s', customer_no, meter_no, period_start,
                     period_end) AS finding
         FROM billing_period JOIN proof.tenant n USING (tenant_id)
        WHERE tenant = 'first' AND closed_at IS NULL`,
      statements,
    ),
    await checkBySql(
      admin,
      'each entry is in its statement or late, never both, never neither',
      `SELECT format('%s in meter %s', event_key, meter_no) AS finding FROM usage_entry
        WHERE (period_start = origin_start AND revision = 0) = late
        UNION ALL
       SELECT format('%s in meter %s is of no period', event_key, meter_no) FROM usage_entry e
        WHERE NOT EXISTS (SELECT FROM billing_period p WHERE p.tenant_id = e.tenant_id
          AND p.customer_no = e.customer_no AND p.meter_no = e.meter_no
          AND p.period_start = e.period_start)`,
      'SELECT count(*) FROM usage_entry',
    ),
    await checkBySql(admin, 'each statement = its entries, digest and all', STATEMENTS, statements),
    await checkBySql(
      admin,
      'statements + late = ledger',
      `SELECT format('customer %s, meter %s: statements %s, late %s, ledger %s', customer_no, meter_no,
                     s.own, e.late, e.whole) AS finding
         FROM (SELECT customer_no, meter_no, sum(value - carried_in) AS own
                 FROM billing_period WHERE closed_at IS NOT NULL GROUP BY 1, 2) s
         FULL JOIN (
               SELECT e.customer_no, e.meter_no, sum(e.quantity) AS whole,
                      coalesce(sum(e.quantity) FILTER (WHERE e.late), 0) AS late
                 FROM usage_entry e JOIN proof.tenant n USING (tenant_id)
                 JOIN meter m USING (tenant_id, meter_no)
                WHERE n.tenant = 'first' AND m.key IN (
                      SELECT meter FROM proof.listens WHERE aggregation IN ('sum', 'count'))
                GROUP BY 1, 2) e USING (customer_no, meter_no)
        WHERE e.whole IS NOT NULL AND s.own + e.late IS DISTINCT FROM e.whole`,
      'SELECT count(*) FROM usage_entry WHERE late',
    ),
  ];
}

const STATEMENTS = `
  SELECT format('customer %s, meter %s, %s: value %s of %s entries, ledger %s of %s', customer_no,
                meter_no, period_start, p.value, p.event_count, e.value, e.count) AS finding
    FROM (SELECT p.*, m.key, l.aggregation FROM billing_period p
            JOIN meter m USING (tenant_id, meter_no)
            JOIN (SELECT DISTINCT meter, aggregation FROM proof.listens) l ON l.meter = m.key
           WHERE closed_at IS NOT NULL) p
   CROSS JOIN LATERAL (
         SELECT count(*) AS count,
                coalesce(sum(quantity) FILTER (WHERE origin_start <> p.period_start), 0) AS carried,
                coalesce(CASE p.aggregation
                  WHEN 'max' THEN max(quantity)
                  WHEN 'last' THEN (array_agg(quantity ORDER BY occurred_at DESC, event_key DESC))[1]
                  WHEN 'unique_count' THEN count(DISTINCT unique_key)
                  ELSE sum(quantity) END, 0) AS value,
                sha256(convert_to('["' || count(*) || '","' || coalesce(mod(sum(
                  entry_digest(event_key, p.key, p.period_start, quantity, false)), ${MODULUS}), 0)
                  || '"]', 'UTF8')) AS digest
           FROM usage_entry e
          WHERE e.tenant_id = p.tenant_id AND e.customer_no = p.customer_no
            AND e.meter_no = p.meter_no AND e.period_start = p.period_start
            AND e.billable AND e.revision = 0) e
   WHERE (p.value, p.event_count, p.digest) IS DISTINCT FROM (e.value, e.count, e.digest)
      OR (p.aggregation IN ('sum', 'count') AND p.carried_in <> e.carried)`;
