import type pg from 'pg';
import { checkBySql, type Check } from './check.js';

const PLACE = `tenant_id, customer_no, meter_no, period_start, origin_start, revision, billable,
  bucket, dimensions`;
const ENTRY_BUCKET = `date_bin('15 minutes', occurred_at, TIMESTAMPTZ '2000-01-01 00:00:00+00')`;

/** What dashboards and closes read, held against the entries it was made of. */
export async function checkTotals(admin: pg.Client): Promise<Check[]> {
  return [
    await checkBySql(
      admin,
      'totals = ledger, in every quarter hour',
      `SELECT format('customer %s, meter %s, %s: total %s of %s entries, ledger %s of %s', customer_no,
                     meter_no, bucket, t.sum, t.count, e.sum, e.count) AS finding
         FROM (SELECT ${PLACE}, sum(quantity_sum) AS sum, max(quantity_max) AS max,
                      sum(entry_count) AS count, sum(digest) AS digest,
                      (array_agg(last_quantity ORDER BY last_at DESC, last_key DESC))[1] AS last
                 FROM (SELECT * FROM usage_total UNION ALL SELECT * FROM usage_delta) u
                GROUP BY ${PLACE}) t
         FULL JOIN (
               SELECT ${PLACE}, sum(quantity) AS sum, max(quantity) AS max, count(*) AS count,
                      sum(entry_digest(event_key, key, period_start, quantity, false)) AS digest,
                      (array_agg(quantity ORDER BY occurred_at DESC, event_key DESC))[1] AS last
                 FROM (SELECT u.*, ${ENTRY_BUCKET} AS bucket, m.key
                         FROM usage_entry u JOIN meter m USING (tenant_id, meter_no)) u
                GROUP BY ${PLACE}) e USING (${PLACE})
        WHERE (t.sum, t.max, t.count, t.digest, t.last)
              IS DISTINCT FROM (e.sum, e.max, e.count, e.digest, e.last)`,
      'SELECT count(*) FROM usage_entry',
    ),
    await checkBySql(
      admin,
      'distinct values = ledger',
      `SELECT format('customer %s, meter %s: %s', customer_no, meter_no, side) AS finding
         FROM (SELECT customer_no, meter_no, period_start, bucket, unique_key,
                      'a value of no entry' AS side FROM usage_unique
               EXCEPT
               SELECT customer_no, meter_no, period_start, ${ENTRY_BUCKET}, unique_key,
                      'a value of no entry' FROM usage_entry) stray
        UNION ALL
       SELECT format('customer %s, meter %s: %s', customer_no, meter_no, side)
         FROM (SELECT customer_no, meter_no, period_start, ${ENTRY_BUCKET}, unique_key,
                      'an entry whose value is missing' AS side
                 FROM usage_entry WHERE unique_key IS NOT NULL
               EXCEPT
               SELECT customer_no, meter_no, period_start, bucket, unique_key,
                      'an entry whose value is missing' FROM usage_unique) missing`,
      'SELECT count(*) FROM usage_unique',
    ),
    await checkReads(admin),
  ];
}

/**
 * Counter and causality: a read has all that was answered before it began, and nothing that was
 * not sent before it ended.
 */
async function checkReads(admin: pg.Client): Promise<Check> {
  await admin.query(`
    CREATE TABLE proof.known AS
      SELECT r.tenant, r.customer_id, l.meter, min(s.t) AS sent_t, min(a.t) AS answered_t
        FROM proof.recorded r JOIN proof.listens l ON l.event_type = r.meter
        JOIN proof.sent s ON s.tenant = r.tenant AND s.usage_event_id = r.usage_event_id
             AND s.customer_id = r.customer_id
        LEFT JOIN proof.answered a ON a.request = s.request AND a.index = s.index
             AND a.verdict IN ('accepted', 'duplicate')
       GROUP BY r.tenant, r.customer_id, l.meter, r.usage_event_id;
    CREATE INDEX ON proof.known (tenant, customer_id, meter)`);
  return checkBySql(
    admin,
    'a read sees what was answered before it, and no more than was sent',
    `SELECT format('%s of %s at %s ms: %s, where %s were answered before and %s sent', r.meter,
                   r.customer_id, r.invoked_t, r.count, k.answered, k.sent) AS finding
       FROM proof.read r
      CROSS JOIN LATERAL (
            SELECT count(*) FILTER (WHERE answered_t < r.invoked_t) AS answered,
                   count(*) FILTER (WHERE sent_t < r.t) AS sent
              FROM proof.known k WHERE k.tenant = r.tenant AND k.customer_id = r.customer_id
               AND k.meter = r.meter) k
      WHERE r.count NOT BETWEEN k.answered AND k.sent`,
    'SELECT count(*) FROM proof.read',
  );
}
