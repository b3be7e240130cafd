import type { Transaction } from '../database/connections.js';
import { formatInstantMicros, type Micros } from '../domain/instant.js';
import type { AccountName } from '../stripe/account-name.js';
import { ERASED_STRIPE_ID } from './erased-place.js';

/** What a report says of one request. */
export interface Report {
  /** The push's identifier, or the `Idempotency-Key` that it was sent under. */
  readonly name: string;
  readonly code: string;
  readonly message: string;
}

/** A stretch of time in which Stripe refused some of a meter's events after their 200. */
export interface ReportedWindow extends AccountName {
  /** Null where the report names no meter. */
  readonly stripeMeterId: string | null;
  readonly eventName: string | null;
  readonly from: Micros;
  readonly to: Micros;
  readonly code: string;
  readonly at: Micros;
}

const DISPUTE = `
  WITH named AS MATERIALIZED (
    SELECT DISTINCT ON (p.identifier) p.identifier, p.status, k.code, k.message
      FROM unnest($4::text[], $5::text[], $6::text[]) AS k (name, code, message)
      JOIN push p ON p.tenant_id = $1 AND p.identifier = split_part(k.name, ':', 1)
     WHERE p.account_id = $2 AND p.livemode = $3 AND p.status IN ('delivered', 'confirmed')
       AND NOT EXISTS (SELECT FROM push_transition t
                        WHERE t.tenant_id = $1 AND t.identifier = p.identifier
                          AND t.to_status = 'disputed' AND t.reason = k.code)
     ORDER BY p.identifier
  ), disputed AS (
    UPDATE push p
       SET status = 'disputed', reason = n.code, last_error = n.message,
           transition_no = p.transition_no + 1
      FROM named n
     WHERE p.tenant_id = $1 AND p.identifier = n.identifier
       AND p.status IN ('delivered', 'confirmed')
    RETURNING p.identifier, p.transition_no, p.stripe_customer_id, n.status AS from_status, n.code
  ), noted AS (
    INSERT INTO push_transition (tenant_id, identifier, transition_no, from_status, to_status,
                                 reason, at)
    SELECT $1, identifier, transition_no, from_status, 'disputed', code, $7 FROM disputed
    RETURNING 1
  ), queued AS (
    INSERT INTO push_reading AS r (tenant_id, identifier, cause, code, next_read_at)
    SELECT $1, identifier, 'disputed', code, $7 FROM disputed
     WHERE stripe_customer_id !~ ${ERASED_STRIPE_ID}
    ON CONFLICT (tenant_id, identifier) DO UPDATE
       SET cause = 'disputed', code = excluded.code, next_read_at = excluded.next_read_at,
           value = NULL, agreed_since = NULL
  )
  SELECT identifier FROM disputed`;

/** Stripe names samples only: whatever of the meter it took in that time may be among the refused. */
const READ_WINDOW = `
  INSERT INTO push_reading (tenant_id, identifier, cause, code, next_read_at)
  SELECT $1, p.identifier, 'reported', $8, $9
    FROM push p
    LEFT JOIN push_lane l ON l.tenant_id = $1 AND l.lane_id = p.lane_id
   WHERE p.tenant_id = $1 AND p.account_id = $2 AND p.livemode = $3
     AND p.status = 'delivered' AND p.stripe_customer_id !~ ${ERASED_STRIPE_ID}
     AND ($4::text IS NULL OR l.stripe_meter_id = $4) AND ($5::text IS NULL OR p.event_name = $5)
     AND p.first_attempt_at <= $7 AND p.last_attempt_at >= $6
   ORDER BY p.identifier
  ON CONFLICT (tenant_id, identifier) DO NOTHING
  RETURNING identifier`;

/**
 * Marks deliveries that Stripe says it refused after all, each once for a code: a report that is
 * worked on again has nothing new to say. Whether it counted them is then read;
 * a report about a push that no answer settled yet changes nothing, as that is read anyway. Those of
 * an erased customer cannot be read any more: somebody has to settle them.
 *
 * @returns The identifiers of the pushes that are disputed by this.
 */
export async function disputeNamed(
  tx: Transaction,
  tenantId: string,
  { accountId, livemode, reports, at }: AccountName & { reports: readonly Report[]; at: Micros },
): Promise<string[]> {
  if (reports.length === 0) return [];
  const rows = await tx.query<{ identifier: string }>(DISPUTE, [
    tenantId,
    accountId,
    livemode,
    reports.map(({ name }) => name),
    reports.map(({ code }) => code),
    reports.map(({ message }) => message),
    formatInstantMicros(at),
  ]);
  return rows.map(({ identifier }) => identifier);
}

/**
 * Has every delivery of a window read back.
 *
 * @returns How many were not to be read anyway.
 */
export async function readReportedWindow(
  tx: Transaction,
  tenantId: string,
  window: ReportedWindow,
): Promise<number> {
  const rows = await tx.query(READ_WINDOW, [
    tenantId,
    window.accountId,
    window.livemode,
    window.stripeMeterId,
    window.eventName,
    formatInstantMicros(window.from),
    formatInstantMicros(window.to),
    window.code,
    formatInstantMicros(window.at),
  ]);
  return rows.length;
}
