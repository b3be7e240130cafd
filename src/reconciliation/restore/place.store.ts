import type { Queryable } from '../../database/connections.js';
import type { Micros } from '../../domain/instant.js';
import type { Aggregation } from '../../domain/meter.js';
import { ERASED_STRIPE_ID } from '../../outbox/erased-place.js';
import type { PushForm } from '../../outbox/insert-pushes.store.js';
import type { Place } from '../lane.store.js';

/** Whose usage goes to a place. */
export interface PlaceOwner {
  readonly customerNo: number;
  readonly meterNo: number;
  readonly customerId: string;
  readonly meterKey: string;
  readonly aggregation: Aggregation;
  /** The earliest instant that what is still pushed may lie at. */
  readonly from: Micros;
}

/** A customer and a meter that are mapped. */
export interface MappedPair extends PlaceOwner {
  readonly stripeCustomerId: string;
  readonly eventName: string;
}

/** A place that pushes of a period went to which Stripe may still change. */
export interface LanePlace extends PlaceOwner, Place, PushForm {}

/** Stripe takes no usage that is older than 35 days. */
const NOW = `
  (SELECT clock_timestamp() + t.clock_offset_micros * interval '1 microsecond'
     FROM tenant t WHERE t.tenant_id = $1)`;

const NEWEST_SETTINGS = `
  (SELECT DISTINCT ON (s.meter_no) s.meter_no, s.aggregation, s.stripe_event_name
     FROM meter_settings s WHERE s.tenant_id = $1 ORDER BY s.meter_no, s.version DESC)`;

/** A long period may have begun before that: its value is pushed as a whole. */
const FROM = `
  least(${NOW} - interval '35 days', (
    SELECT min(b.period_start) FROM billing_period b
     WHERE b.tenant_id = $1 AND b.customer_no = c.customer_no AND b.meter_no = m.meter_no
       AND b.period_end > ${NOW} - interval '35 days')) AS "from"`;

const MAPPED = `
  SELECT c.customer_no AS "customerNo", m.meter_no AS "meterNo", c.customer_id AS "customerId",
         m.key AS "meterKey", s.aggregation, c.stripe_customer_id AS "stripeCustomerId",
         s.stripe_event_name AS "eventName", ${FROM}
    FROM customer c
    JOIN meter m ON m.tenant_id = $1
    JOIN ${NEWEST_SETTINGS} s ON s.meter_no = m.meter_no
   WHERE c.tenant_id = $1 AND c.stripe_customer_id IS NOT NULL AND s.stripe_event_name IS NOT NULL
   ORDER BY m.meter_no, c.customer_no`;

const LANES = `
  SELECT DISTINCT ON (l.account_id, l.livemode, l.stripe_meter_id, l.stripe_customer_id,
                      l.customer_no, l.meter_no)
         l.customer_no AS "customerNo", l.meter_no AS "meterNo", c.customer_id AS "customerId",
         m.key AS "meterKey", s.aggregation, l.account_id AS "accountId", l.livemode,
         l.stripe_meter_id AS "stripeMeterId", l.stripe_customer_id AS "stripeCustomerId",
         p.event_name AS "eventName", p.customer_key AS "customerKey", p.value_key AS "valueKey",
         p.formula, ${FROM}
    FROM push_lane l
    JOIN customer c ON c.tenant_id = $1 AND c.customer_no = l.customer_no
    JOIN meter m ON m.tenant_id = $1 AND m.meter_no = l.meter_no
    JOIN ${NEWEST_SETTINGS} s ON s.meter_no = m.meter_no
    JOIN push p ON p.tenant_id = $1 AND p.customer_no = l.customer_no AND p.meter_no = l.meter_no
     AND p.period_start = l.period_start AND p.lane_id = l.lane_id AND p.status <> 'shadow'
    LEFT JOIN billing_period b ON b.tenant_id = $1 AND b.customer_no = l.customer_no
     AND b.meter_no = l.meter_no AND b.period_start = l.period_start
   WHERE l.tenant_id = $1 AND l.stripe_customer_id !~ ${ERASED_STRIPE_ID}
     AND coalesce(b.period_end, p."timestamp") > ${NOW} - interval '35 days'
   ORDER BY l.account_id, l.livemode, l.stripe_meter_id, l.stripe_customer_id, l.customer_no,
            l.meter_no, p.sequence DESC`;

/** Every customer and meter that may be pushed as they are mapped now. */
export async function mappedPairs(db: Queryable, tenantId: string): Promise<MappedPair[]> {
  return db.query<MappedPair>(MAPPED, [tenantId]);
}

/** Every place that pushes of open and recent periods are known to have gone to. */
export async function lanePlaces(db: Queryable, tenantId: string): Promise<LanePlace[]> {
  return db.query<LanePlace>(LANES, [tenantId]);
}
