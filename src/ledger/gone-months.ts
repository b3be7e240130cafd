/**
 * Months leave the ledger from the oldest on, all tenants' at once; what they came to stands in
 * `usage_checkpoint` from then on. SQL, each NULL where no month has left.
 */

/**
 * What was received before then is not to be changed any more: it has left the ledger, or is about to.
 * To be read behind the gate, which a month that leaves waits for.
 */
export const SEALED_BEFORE = `(SELECT max(month) + interval '1 month' FROM retained_month)`;

/** What was received before then is read from checkpoints, whatever of it still stands in the ledger. */
export const GONE_BEFORE = `(
  SELECT max(month) + interval '1 month' FROM retained_month WHERE state <> 'sealed')`;

/** Whether a row with this time of receipt is read from the ledger. */
export const isInLedger = (receivedAt: string): string =>
  `${receivedAt} >= coalesce(${GONE_BEFORE}, '-infinity')`;

const samePeriod = (u: string): string => `
  g.tenant_id = $1 AND g.customer_no = ${u}.customer_no AND g.meter_no = ${u}.meter_no
  AND g.period_start = ${u}.period_start`;

/** Whether entries of the period that a row `u` of tenant $1 names have left the ledger, or are about to. */
export const isPartlyGone = (u: string): string => `(
  EXISTS (SELECT FROM usage_checkpoint g WHERE ${samePeriod(u)})
  OR EXISTS (SELECT FROM usage_entry g
              WHERE ${samePeriod(u)} AND g.received_at < ${SEALED_BEFORE}))`;
