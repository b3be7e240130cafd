/** The closed period that ends where `p` begins. */
const BEFORE = `
  b.tenant_id = $1 AND b.customer_no = p.customer_no AND b.meter_no = p.meter_no
  AND b.period_end = p.period_start AND b.closed_at IS NOT NULL`;

/**
 * Beside a billing period `p`: what the statement of the one before it says, then what it came to with
 * each amendment; NULL without one.
 */
export const BEFORES = `
  (SELECT jsonb_agg(trim_scale(v.value)::text)
     FROM (SELECT b.value FROM billing_period b WHERE ${BEFORE}
            UNION ALL
           SELECT b.value + sum(a.value) OVER (ORDER BY a.revision)
             FROM billing_period b
             JOIN period_amendment a USING (tenant_id, customer_no, meter_no, period_start)
            WHERE ${BEFORE} AND a.created_at IS NOT NULL) v)`;

const isSettled = (p: string): string => `
  NOT EXISTS (SELECT FROM amendment_due d
               WHERE d.tenant_id = $1 AND d.customer_no = ${p}.customer_no
                 AND d.meter_no = ${p}.meter_no AND d.period_start = ${p}.period_start)
  AND NOT EXISTS (SELECT FROM period_amendment u
                   WHERE u.tenant_id = $1 AND u.customer_no = ${p}.customer_no
                     AND u.meter_no = ${p}.meter_no AND u.period_start = ${p}.period_start
                     AND u.created_at IS NULL)`;

/**
 * Beside a closed billing period `p` of a meter with settings `s`: whether nothing is on the way to it or
 * the one before it, so that what it carries is what that one comes to, where it has no usage.
 */
export const IS_CARRY_SETTLED = `
  (s.carry_last AND p.closed_at IS NOT NULL AND ${isSettled('p')}
   AND NOT EXISTS (SELECT FROM billing_period b WHERE ${BEFORE} AND NOT (${isSettled('b')})))`;
