import type pg from 'pg';
import { checkBySql, type Check } from './check.js';

/** The tenant under whose ids and names the first one stormed has its own usage, and nothing else. */
export async function checkSecondTenant(admin: pg.Client): Promise<Check> {
  return checkBySql(
    admin,
    'the second tenant is untouched',
    `SELECT format('%s was answered %s', usage_event_id, verdict) AS finding
       FROM proof.sent JOIN proof.answered USING (request, index)
      WHERE tenant = 'second' AND verdict NOT IN ('accepted', 'duplicate')
      UNION ALL
     SELECT format('%s of %s: sent %s of %s, total %s of %s', meter, customer_id, s.sum, s.count, t.sum,
                   t.count)
       FROM (SELECT l.meter, customer_id, count(*) AS count,
                    sum(CASE WHEN aggregation IN ('sum', 'max', 'last') THEN quantity ELSE 1 END) AS sum
               FROM proof.sent s JOIN proof.listens l ON l.event_type = s.meter
              WHERE tenant = 'second' GROUP BY 1, 2) s
       FULL JOIN (
             SELECT m.key AS meter, c.customer_id, sum(entry_count) AS count,
                    sum(quantity_sum) AS sum
               FROM (SELECT * FROM usage_total UNION ALL SELECT * FROM usage_delta) u
               JOIN proof.tenant n USING (tenant_id) JOIN meter m USING (tenant_id, meter_no)
               JOIN customer c USING (tenant_id, customer_no)
              WHERE n.tenant = 'second' GROUP BY 1, 2) t USING (meter, customer_id)
      WHERE (s.count, s.sum) IS DISTINCT FROM (t.count, t.sum)
      UNION ALL
     SELECT format('push %s', identifier) FROM push JOIN proof.tenant n USING (tenant_id)
      WHERE n.tenant = 'second'
      UNION ALL
     SELECT format('closed as of %s', as_of) FROM period_close JOIN proof.tenant n USING (tenant_id)
      WHERE n.tenant = 'second' AND NOT by_clock
      UNION ALL
     SELECT 'its clock was moved' FROM public.tenant JOIN proof.tenant n USING (tenant_id)
      WHERE n.tenant = 'second' AND clock_offset_micros <> 0`,
    `SELECT count(*) FROM proof.sent WHERE tenant = 'second'`,
  );
}
