/**
 * Counts the pushes that nobody can say the end of yet. A total that the next one replaces is none,
 * and what went to the other mode has no key any more.
 */
export const UNSETTLED = `
  SELECT (SELECT count(*) FROM push
           WHERE status IN ('pending', 'sending', 'unknown', 'disputed') AND NOT replaced
             AND livemode = $1
             AND NOT (kind = 'total' AND status = 'unknown' AND next_attempt_at IS NULL))
       + (SELECT count(*) FROM push_work)
       + (SELECT count(*) FROM push_reading JOIN push USING (tenant_id, identifier)
           WHERE livemode = $1) AS count`;
