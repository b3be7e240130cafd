import type { Transaction } from '../database/connections.js';
import { formatInstantMicros, MICROS_PER_MINUTE, type Micros } from '../domain/instant.js';
import type { Destination } from './push-obstacle.js';
import { floorTo } from '../outbox/push-window.js';

/** A stretch of time of one Stripe customer and event name. */
export interface Stretch {
  readonly destination: Destination;
  readonly from: Micros;
  readonly to: Micros;
}

/** By the column of the unique index, which so serves the range as well. */
const MINUTES = `
  SELECT (k.no - 1)::integer AS "no", p."timestamp"
    FROM unnest($2::text[], $3::boolean[], $4::text[], $5::text[], $6::timestamptz[],
                $7::timestamptz[]) WITH ORDINALITY
           AS k (account_id, livemode, stripe_customer_id, event_name, from_at, to_at, no)
    JOIN push p ON p.tenant_id = $1 AND p.account_id = k.account_id AND p.livemode = k.livemode
     AND p.stripe_customer_id = k.stripe_customer_id AND p.event_name = k.event_name
   WHERE p.kind = 'delta' AND p.status <> 'shadow'
     AND p.minute BETWEEN date_bin('1 minute', k.from_at, TIMESTAMPTZ '2000-01-01 00:00:00+00')
                      AND k.to_at`;

const LATEST_TOTAL = `
  SELECT (k.no - 1)::integer AS "no", max(p."timestamp") AS "timestamp"
    FROM unnest($2::text[], $3::boolean[], $4::text[], $5::text[], $6::timestamptz[],
                $7::timestamptz[]) WITH ORDINALITY
           AS k (account_id, livemode, stripe_customer_id, event_name, from_at, to_at, no)
    JOIN push p ON p.tenant_id = $1 AND p.account_id = k.account_id AND p.livemode = k.livemode
     AND p.stripe_customer_id = k.stripe_customer_id AND p.event_name = k.event_name
   WHERE p.kind = 'total' AND p.status <> 'shadow'
     AND p."timestamp" >= k.from_at AND p."timestamp" < k.to_at
   GROUP BY k.no`;

/** The minutes that deltas have in each stretch, whatever became of them. */
export async function usedMinutes(
  tx: Transaction,
  tenantId: string,
  stretches: readonly Stretch[],
): Promise<Set<Micros>[]> {
  const used = stretches.map(() => new Set<Micros>());
  for (const { no, timestamp } of await read(tx, MINUTES, tenantId, stretches)) {
    used[no]!.add(floorTo(timestamp, MICROS_PER_MINUTE));
  }
  return used;
}

/** The latest timestamp of a total in each stretch. */
export async function latestTotals(
  tx: Transaction,
  tenantId: string,
  stretches: readonly Stretch[],
): Promise<(Micros | undefined)[]> {
  const latest = stretches.map((): Micros | undefined => undefined);
  for (const { no, timestamp } of await read(tx, LATEST_TOTAL, tenantId, stretches)) {
    latest[no] = timestamp;
  }
  return latest;
}

async function read(
  tx: Transaction,
  sql: string,
  tenantId: string,
  stretches: readonly Stretch[],
): Promise<{ no: number; timestamp: Micros }[]> {
  if (stretches.length === 0) return [];
  return tx.query(sql, [
    tenantId,
    stretches.map(({ destination }) => destination.accountId),
    stretches.map(({ destination }) => destination.livemode),
    stretches.map(({ destination }) => destination.stripeCustomerId),
    stretches.map(({ destination }) => destination.meter.eventName),
    stretches.map(({ from }) => formatInstantMicros(from)),
    stretches.map(({ to }) => formatInstantMicros(to)),
  ]);
}
