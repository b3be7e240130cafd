import type { Transaction } from '../database/connections.js';
import { formatInstantMicros, type Micros } from '../domain/instant.js';
import type { StripeAccount } from '../stripe/stripe-account.js';

const DISPUTED = `
  SELECT DISTINCT p.identifier
    FROM unnest($4::text[]) AS k (name)
    JOIN push p ON p.tenant_id = $1 AND p.identifier = split_part(k.name, ':', 1)
    JOIN push_transition t ON t.tenant_id = $1 AND t.identifier = p.identifier
     AND t.to_status = 'disputed'
   WHERE p.account_id = $2 AND p.livemode = $3
   ORDER BY p.identifier`;

const UNSETTLED_NAMED = `
  SELECT p.identifier
    FROM unnest($4::text[]) AS k (name)
    JOIN push p ON p.tenant_id = $1 AND p.identifier = split_part(k.name, ':', 1)
   WHERE p.account_id = $2 AND p.livemode = $3 AND p.status IN ('pending', 'sending', 'unknown')
   LIMIT 1`;

const UNSETTLED_IN_WINDOW = `
  SELECT p.identifier
    FROM push p
    LEFT JOIN push_lane l ON l.tenant_id = $1 AND l.lane_id = p.lane_id
   WHERE p.tenant_id = $1 AND p.account_id = $2 AND p.livemode = $3
     AND p.status IN ('pending', 'sending', 'unknown')
     AND ($4::text IS NULL OR l.stripe_meter_id = $4)
     AND p.first_attempt_at <= $6 AND p.last_attempt_at >= $5
   LIMIT 1`;

type AccountName = Pick<StripeAccount, 'accountId' | 'livemode'>;

/** Those of the named pushes that were ever disputed, whichever attempt at the event did it. */
export async function disputedOf(
  tx: Transaction,
  tenantId: string,
  { accountId, livemode }: AccountName,
  names: readonly string[],
): Promise<string[]> {
  const rows = await tx.query<{ identifier: string }>(DISPUTED, [
    tenantId,
    accountId,
    livemode,
    names,
  ]);
  return rows.map(({ identifier }) => identifier);
}

/** Whether a named push was sent, or may have been, and its answer is not known yet. */
export async function hasUnsettledNamed(
  tx: Transaction,
  tenantId: string,
  { accountId, livemode }: AccountName,
  names: readonly string[],
): Promise<boolean> {
  const rows = await tx.query(UNSETTLED_NAMED, [tenantId, accountId, livemode, names]);
  return rows.length > 0;
}

/** Whether such a push was sent in a window of time, to a meter where one is named. */
export async function hasUnsettledInWindow(
  tx: Transaction,
  tenantId: string,
  window: AccountName & { stripeMeterId: string | null; from: Micros; to: Micros },
): Promise<boolean> {
  const rows = await tx.query(UNSETTLED_IN_WINDOW, [
    tenantId,
    window.accountId,
    window.livemode,
    window.stripeMeterId,
    formatInstantMicros(window.from),
    formatInstantMicros(window.to),
  ]);
  return rows.length > 0;
}
