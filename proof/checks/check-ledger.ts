import type pg from 'pg';
import { checkBySql, type Check } from './check.js';

/** Whether what was recorded is what was sent, field by field. */
const SAME = `r.customer_id = s.customer_id AND r.meter = s.meter
  AND r.quantity IS NOT DISTINCT FROM s.quantity
  AND r.properties::jsonb IS NOT DISTINCT FROM s.properties
  AND r.occurred_at_sent = (s.occurred_at IS NOT NULL)
  AND (s.occurred_at IS NULL OR r.occurred_at = s.occurred_at)`;

/** The history held against the ledger: set-full, in the words of Jepsen. */
export async function checkLedger(admin: pg.Client): Promise<Check[]> {
  return [
    await checkBySql(
      admin,
      'every acknowledged event is in the ledger',
      `SELECT format('%s %s was %s and is not there', tenant, usage_event_id, verdict) AS finding
         FROM proof.sent s JOIN proof.answered a USING (request, index)
        WHERE verdict IN ('accepted', 'duplicate') AND NOT EXISTS (
              SELECT FROM proof.recorded r WHERE r.tenant = s.tenant
                 AND r.usage_event_id = s.usage_event_id AND ${SAME})`,
      `SELECT count(*) FROM proof.answered WHERE verdict IN ('accepted', 'duplicate')`,
    ),
    await checkBySql(
      admin,
      'nothing is in the ledger that was not sent',
      `SELECT format('%s %s is there, but was not sent so', tenant, usage_event_id) AS finding
         FROM proof.recorded r WHERE NOT EXISTS (
              SELECT FROM proof.sent s WHERE s.tenant = r.tenant
                 AND s.usage_event_id = r.usage_event_id AND ${SAME})`,
      'SELECT count(*) FROM proof.recorded',
    ),
    await checkBySql(
      admin,
      'each event is there once, under one key',
      `SELECT format('%s %s: %s rows, %s keys', r.tenant, r.usage_event_id, count(*),
                     count(k.event_key)) AS finding
         FROM proof.recorded r LEFT JOIN usage_event_key k USING (tenant_id, event_key)
        GROUP BY r.tenant, r.usage_event_id HAVING count(*) <> 1 OR count(k.event_key) <> 1`,
      'SELECT count(*) FROM usage_event_key',
    ),
    await checkBySql(
      admin,
      'what was told a conflict is not what was recorded',
      `SELECT format('%s %s', s.tenant, s.usage_event_id) AS finding
         FROM proof.sent s JOIN proof.answered a USING (request, index)
         LEFT JOIN proof.recorded r ON r.tenant = s.tenant AND r.usage_event_id = s.usage_event_id
        WHERE verdict = 'conflict' AND (r.tenant IS NULL OR (${SAME}))`,
      `SELECT count(*) FROM proof.answered WHERE verdict = 'conflict'`,
    ),
    await checkBySql(
      admin,
      'each event has one entry in each meter that counts it',
      `SELECT format('%s %s in %s: %s entries of %s', tenant, usage_event_id, l.meter, count(u.*),
                     min(u.quantity)) AS finding
         FROM proof.recorded r JOIN proof.listens l ON l.event_type = r.meter
         JOIN meter m ON m.tenant_id = r.tenant_id AND m.key = l.meter
         LEFT JOIN usage_entry u ON u.tenant_id = r.tenant_id AND u.event_key = r.event_key
               AND u.meter_no = m.meter_no AND u.customer_no = r.customer_no
               AND u.occurred_at = r.occurred_at
               AND u.quantity = CASE WHEN l.aggregation IN ('sum', 'max', 'last')
                                     THEN r.quantity ELSE 1 END
        GROUP BY tenant, usage_event_id, l.meter HAVING count(u.*) <> 1
        UNION ALL
       SELECT format('the entry %s in meter %s is of no event', u.event_key, u.meter_no)
         FROM usage_entry u WHERE NOT EXISTS (
              SELECT FROM proof.recorded r JOIN proof.listens l ON l.event_type = r.meter
                JOIN meter m ON m.tenant_id = r.tenant_id AND m.key = l.meter
               WHERE r.tenant_id = u.tenant_id AND r.event_key = u.event_key
                 AND m.meter_no = u.meter_no)`,
      'SELECT count(*) FROM usage_entry',
    ),
  ];
}
