import type { PushTargetName } from '../config/config.js';
import type { Transaction } from '../database/connections.js';
import { formatInstantMicros, MICROS_PER_SECOND, type Micros } from '../domain/instant.js';
import type { ValueRule } from '../domain/value-rule.js';
import { BILLING_INVOICE, CLOCKS_APART_S, FINALIZES_AT } from '../outbox/billing-invoice.js';
import type { AccountName } from '../stripe/account-name.js';

export interface DueRequest {
  readonly account: AccountName;
  readonly target: PushTargetName;
  readonly values: ValueRule;
  readonly resendWindowSeconds: number;
  /** The database's time of day. */
  readonly now: Micros;
  /** The tenant's now, by which Stripe's invoices go. */
  readonly tenantNow: Micros;
  readonly limit: number;
}

interface DuePush {
  readonly identifier: string;
  readonly stripeCustomerId: string;
  readonly eventName: string;
  readonly ofClosed: boolean;
  readonly finalizesAt: Micros;
  readonly dueAt: Micros;
}

/** What of one Stripe customer and event name is billed at one time and came due in one hour. */
const GROUP = 'p.finalizes_at, p.due_hour, p.stripe_customer_id, p.event_name';

const WAITING = `p.tenant_id = $1 AND p.account_id = $2 AND p.livemode = $3
  AND p.status IN ('pending', 'unknown') AND p.next_attempt_at IS NOT NULL`;

/**
 * Whoever's call it is, whatever its tenant: push_in_flight_key is the last word. A statement of its own,
 * since on Citus it asks every shard, and what asks for the pushes of one tenant must ask one.
 */
const IN_FLIGHT = `
  SELECT f.stripe_customer_id AS "stripeCustomerId", f.event_name AS "eventName" FROM push f
   WHERE f.account_id = $1 AND f.livemode = $2 AND f.status = 'sending'`;

/**
 * What is sent of a period whose invoice is final looks delivered, and is billed by nobody. So where
 * Stripe says when the period ends, its invoice is looked up once more after it may be final; and no
 * usage goes behind one that is known to be. An unknown one may go: sent again it changes nothing.
 *
 * Said here and not by whoever looks: between a look and a claim nothing must have to happen in time.
 */
const IS_BILLED_STILL = `
  (p.status <> 'pending' OR NOT EXISTS (
        SELECT FROM billing_period o
          LEFT JOIN LATERAL (${BILLING_INVOICE}) i ON true
         WHERE o.tenant_id = $1 AND o.customer_no = p.customer_no AND o.meter_no = p.meter_no
           AND o.period_start = p.period_start
           AND ((i.status <> 'draft' AND p.purpose = 'usage')
                OR (o.of_item AND coalesce(i.status, 'draft') = 'draft'
                    AND ${FINALIZES_AT} <= $7 AND NOT EXISTS (
                      SELECT FROM subscription_reading r
                       WHERE r.tenant_id = $1 AND r.stripe_customer_id = p.stripe_customer_id
                         AND r.invoices_read_at >= ${FINALIZES_AT})))))`;

/**
 * A push goes only where its period's pushes still go: a pending one not into a parked lane or under
 * a mapping that has changed, an unknown one again only within the window that Stripe remembers it.
 * A total does not overtake the one before it. What may have been executed through one target goes
 * through no other, and a value that the target does not take waits to be withdrawn.
 */
const MAY_GO = `
  (CASE p.status WHEN 'pending' THEN $6 OR (p.value > 0 AND p.value = trunc(p.value))
                 ELSE p.target = $5 AND (p.first_attempt_at > $4 OR p.target = 'file') END)
  AND (p.kind <> 'total' OR NOT EXISTS (
        SELECT FROM push b WHERE b.tenant_id = $1 AND b.lane_id = p.lane_id
           AND b.sequence = p.sequence - 1 AND b.status = 'pending'))
  AND EXISTS (
        SELECT FROM push_lane l WHERE l.tenant_id = $1 AND l.lane_id = p.lane_id
           AND NOT l.superseded AND (p.status = 'unknown' OR l.parked_code IS NULL))
  AND EXISTS (
        SELECT FROM customer c
         CROSS JOIN LATERAL (
           SELECT s.stripe_event_name, s.push FROM meter_settings s
            WHERE s.tenant_id = $1 AND s.meter_no = p.meter_no
            ORDER BY s.version DESC LIMIT 1) s
         WHERE c.tenant_id = $1 AND c.customer_no = p.customer_no
           AND c.stripe_customer_id = p.stripe_customer_id
           AND s.stripe_event_name = p.event_name AND coalesce(c.push, s.push) = 'live')
  AND ${IS_BILLED_STILL}`;

/**
 * Goes from group to group, by one look into push_order_idx each however many pushes a group has,
 * until enough of them have one that may go.
 */
const DUE = `
  WITH RECURSIVE billed AS (
    (SELECT ${GROUP}
       FROM push p WHERE ${WAITING} AND p.of_closed = $9 ORDER BY ${GROUP} LIMIT 1)
    UNION ALL
    SELECT n.* FROM billed b CROSS JOIN LATERAL (
      SELECT ${GROUP} FROM push p
       WHERE ${WAITING} AND p.of_closed = $9
         AND (${GROUP}) > (b.finalizes_at, b.due_hour, b.stripe_customer_id, b.event_name)
       ORDER BY ${GROUP} LIMIT 1) n
  )
  SELECT d.identifier, b.stripe_customer_id AS "stripeCustomerId", b.event_name AS "eventName",
         $9::boolean AS "ofClosed", b.finalizes_at AS "finalizesAt", d.next_attempt_at AS "dueAt"
    FROM (SELECT * FROM billed
           WHERE (stripe_customer_id, event_name) NOT IN (SELECT * FROM unnest($11::text[], $12::text[])) OFFSET 0) b
   CROSS JOIN LATERAL (
     SELECT p.identifier, p.next_attempt_at FROM push p
      WHERE ${WAITING} AND p.of_closed = $9
        AND (${GROUP}) = (b.finalizes_at, b.due_hour, b.stripe_customer_id, b.event_name)
        AND p.next_attempt_at <= $8 AND ${MAY_GO}
      ORDER BY p.next_attempt_at, p.sequence LIMIT 1) d
   LIMIT $10`;

/**
 * Statistics of a moment ago may know of no push that waits. Every plan is cheap by them, and one that
 * sorts reads all pushes that wait for each step from group to group.
 */
const IN_ORDER_OF_INDEX = 'SET LOCAL enable_sort = off';
const AS_EVER = 'SET LOCAL enable_sort TO DEFAULT';

/**
 * Before PostgreSQL 18 what is turned off costs so much that the whole is compiled, which takes longer by
 * half a second. Said in the transaction, since the workers of a Citus hear nothing else.
 */
const NOT_COMPILED = 'SET LOCAL jit = off';

/** Of those whose outcome is not known, the one that waits longest: no other becomes unknown for it. */
const PROBE = `
  SELECT p.identifier FROM push p
   WHERE ${WAITING} AND p.status = 'unknown' AND ${MAY_GO}
     AND (p.stripe_customer_id, p.event_name) NOT IN (SELECT * FROM unnest($8::text[], $9::text[]))
   ORDER BY p.first_attempt_at LIMIT 1`;

/**
 * Pushes that may go, of each Stripe customer and event name one: closed periods before what is pushed
 * between times, what is billed first before the rest, then by the time they came due.
 */
export async function duePushes(
  tx: Transaction,
  tenantId: string,
  request: DueRequest,
): Promise<string[]> {
  const { now, limit } = request;
  const first = firstParameters(tenantId, request);
  const at = formatInstantMicros(now);
  const found = new Map<string, DuePush>();
  const [calls] = await Promise.all([
    callsInFlight(tx, request.account),
    tx.query(NOT_COMPILED),
    tx.query(IN_ORDER_OF_INDEX),
  ]);
  for (const ofClosed of [true, false]) {
    if (found.size >= limit) break;
    const rows = await tx.query<DuePush>(DUE, [
      ...first,
      at,
      ofClosed,
      limit - found.size,
      ...calls,
    ]);
    for (const push of rows) {
      const name = JSON.stringify([push.stripeCustomerId, push.eventName]);
      if (!found.has(name)) found.set(name, push);
    }
  }
  await tx.query(AS_EVER);
  return [...found.values()].sort(byOrder).map(({ identifier }) => identifier);
}

/** The push to try with whether Stripe answers again. */
export async function probePush(
  tx: Transaction,
  tenantId: string,
  request: DueRequest,
): Promise<string[]> {
  const rows = await tx.query<{ identifier: string }>(PROBE, [
    ...firstParameters(tenantId, request),
    ...(await callsInFlight(tx, request.account)),
  ]);
  if (rows.length > 0) return rows.map(({ identifier }) => identifier);
  return duePushes(tx, tenantId, { ...request, limit: 1 });
}

/** @returns Stripe customers and event names, one beside the other. */
async function callsInFlight(
  tx: Transaction,
  { accountId, livemode }: AccountName,
): Promise<[string[], string[]]> {
  const calls = await tx.query<{ stripeCustomerId: string; eventName: string }>(IN_FLIGHT, [
    accountId,
    livemode,
  ]);
  return [
    calls.map(({ stripeCustomerId }) => stripeCustomerId),
    calls.map(({ eventName }) => eventName),
  ];
}

/** Those that MAY_GO and WAITING read. */
function firstParameters(tenantId: string, request: DueRequest): unknown[] {
  const { account, target, values, now, tenantNow, resendWindowSeconds } = request;
  const windowStart = formatInstantMicros(now - resendWindowSeconds * MICROS_PER_SECOND);
  const takesAll = values === 'decimal';
  const draftUntil = formatInstantMicros(tenantNow + CLOCKS_APART_S * MICROS_PER_SECOND);
  const { accountId, livemode } = account;
  return [tenantId, accountId, livemode, windowStart, target, takesAll, draftUntil];
}

function byOrder(a: DuePush, b: DuePush): number {
  return (
    Number(b.ofClosed) - Number(a.ofClosed) || a.finalizesAt - b.finalizesAt || a.dueAt - b.dueAt
  );
}
