import type { Queryable } from '../database/connections.js';
import type { Micros } from '../domain/instant.js';
import { periodValues, type PeriodKey } from '../usage/period-values.js';
import { pushedValues } from '../usage/pushed-values.js';

/** What cannot go on without the customer's texts, so that they stay until it has ended. */
export interface Unsettled {
  /** Pushes that are on their way, or of which nobody knows whether they arrived. */
  readonly pushes: number;
  /** Periods with usage that is still to be pushed. */
  readonly periods: number;
  /** Voids of many events that are at work. */
  readonly voids: number;
}

const ENDED = `
  SELECT (SELECT count(*) FROM push
           WHERE tenant_id = $1 AND customer_no = $2
             AND status IN ('pending', 'sending', 'unknown', 'disputed')) AS pushes,
         (SELECT count(*) FROM bulk_void
           WHERE tenant_id = $1 AND finished_at IS NULL) AS voids`;

/** Of customers and meters without a place at Stripe nothing is pushed, with or without their texts. */
const PUSHED_PERIODS = `
  SELECT p.customer_no AS "customerNo", p.meter_no AS "meterNo", p.period_start AS "periodStart"
    FROM customer c
    JOIN billing_period p ON p.tenant_id = $1 AND p.customer_no = c.customer_no
    JOIN LATERAL (SELECT stripe_event_name, push FROM meter_settings s
           WHERE s.tenant_id = $1 AND s.meter_no = p.meter_no
           ORDER BY version DESC LIMIT 1) s ON s.stripe_event_name IS NOT NULL
   WHERE c.tenant_id = $1 AND c.customer_no = $2 AND c.stripe_customer_id IS NOT NULL
     AND coalesce(c.push, s.push) = 'live'`;

/** What amendments owe is known once they are written. */
const UNWRITTEN = `
  SELECT FROM (${PUSHED_PERIODS}) p
   WHERE EXISTS (SELECT FROM amendment_due a
                  WHERE a.tenant_id = $1 AND a.customer_no = p."customerNo"
                    AND a.meter_no = p."meterNo" AND a.period_start = p."periodStart")
      OR EXISTS (SELECT FROM period_amendment a
                  WHERE a.tenant_id = $1 AND a.customer_no = p."customerNo"
                    AND a.meter_no = p."meterNo" AND a.period_start = p."periodStart"
                    AND a.created_at IS NULL)`;

/** @param pushes Whether the tenant pushes anything at all. */
export async function unsettledOf(
  db: Queryable,
  tenantId: string,
  customerNo: number,
  pushes: boolean,
): Promise<Unsettled | undefined> {
  const [ended] = await db.query<{ pushes: number; voids: number }>(ENDED, [tenantId, customerNo]);
  const periods = pushes ? await owedPeriods(db, tenantId, customerNo) : 0;
  const unsettled = { ...ended!, periods };
  return Object.values(unsettled).some((count) => count > 0) ? unsettled : undefined;
}

async function owedPeriods(db: Queryable, tenantId: string, customerNo: number): Promise<number> {
  const keys = await db.query<PeriodKey>(PUSHED_PERIODS, [tenantId, customerNo]);
  const unwritten = await db.query(UNWRITTEN, [tenantId, customerNo]);
  const from: Micros | null = null;
  const values = await periodValues(
    db,
    tenantId,
    keys.map((key) => ({ ...key, from })),
  );
  const pushed = await pushedValues(db, tenantId, values);
  const owed = [...pushed.values()].filter(({ pending }) => pending !== '0').length;
  return owed + unwritten.length;
}
