import type { Queryable } from '../database/connections.js';
import type { Micros } from '../domain/instant.js';
import type { PushedKind, PushStatus } from '../outbox/push-status.js';
import type { ShownStatus } from './push-query.dto.js';

/** A push, or a value that is held in place of one. */
export interface PushRow {
  readonly identifier: string;
  readonly meter: string;
  readonly customerId: string;
  readonly stripeCustomerId: string | null;
  readonly periodStart: Micros;
  readonly sequence: number;
  readonly kind: PushedKind;
  readonly value: string;
  readonly timestamp: Micros | null;
  readonly status: ShownStatus;
  readonly reason: string | null;
  readonly attempts: number;
  readonly firstAttemptAt: Micros | null;
  readonly lastError: string | null;
  /** When it was planned, or held since: the order of the list. */
  readonly madeAt: Micros;
}

export interface TransitionRow {
  readonly identifier: string;
  readonly from: PushStatus | null;
  readonly to: PushStatus;
  readonly reason: string | null;
  readonly at: Micros;
}

export interface PushFilter {
  readonly identifier?: string;
  readonly status?: ShownStatus;
  readonly customerNo?: number;
  readonly meterNo?: number;
}

const LIST = `
  SELECT r.identifier, m.key AS "meter", c.customer_id AS "customerId",
         CASE WHEN r.status = 'held' THEN c.stripe_customer_id ELSE r.stripe_customer_id END
           AS "stripeCustomerId",
         r.period_start AS "periodStart", r.sequence, r.kind, trim_scale(r.value)::text AS "value",
         r."timestamp", r.status, r.reason, r.attempts, r.first_attempt_at AS "firstAttemptAt",
         r.last_error AS "lastError", r.made_at AS "madeAt"
    FROM (SELECT p.identifier, p.meter_no, p.customer_no, p.stripe_customer_id, p.period_start,
                 p.sequence, p.kind, p.value, p."timestamp", p.status, p.reason, p.attempts,
                 p.first_attempt_at, p.last_error, p.created_at AS made_at
            FROM push p WHERE p.tenant_id = $1
           UNION ALL
          SELECT h.identifier, h.meter_no, h.customer_no, NULL, h.period_start, 0, h.kind, h.value,
                 NULL, 'held', h.reason, 0, NULL, h.detail, h.held_since
            FROM push_hold h WHERE h.tenant_id = $1) r
    JOIN customer c ON c.tenant_id = $1 AND c.customer_no = r.customer_no
    JOIN meter m ON m.tenant_id = $1 AND m.meter_no = r.meter_no
   WHERE ($2::text IS NULL OR r.identifier = $2) AND ($3::text IS NULL OR r.status = $3)
     AND ($4::bigint IS NULL OR r.customer_no = $4) AND ($5::integer IS NULL OR r.meter_no = $5)
     AND ($6::timestamptz IS NULL OR (r.made_at, r.identifier) > ($6, $7::text))
   ORDER BY r.made_at, r.identifier COLLATE "C"
   LIMIT $8`;

const TRANSITIONS = `
  SELECT identifier, from_status AS "from", to_status AS "to", reason, at
    FROM push_transition
   WHERE tenant_id = $1 AND identifier = ANY ($2::text[])
   ORDER BY identifier, transition_no`;

/** Pushes and holds in the order they were made. */
export async function listPushes(
  db: Queryable,
  tenantId: string,
  filter: PushFilter,
  after: readonly string[] | undefined,
  limit: number,
): Promise<PushRow[]> {
  return db.query<PushRow>(LIST, [
    tenantId,
    filter.identifier ?? null,
    filter.status ?? null,
    filter.customerNo ?? null,
    filter.meterNo ?? null,
    after?.[0] ?? null,
    after?.[1] ?? null,
    limit,
  ]);
}

export async function transitionsOf(
  db: Queryable,
  tenantId: string,
  identifiers: readonly string[],
): Promise<TransitionRow[]> {
  if (identifiers.length === 0) return [];
  return db.query<TransitionRow>(TRANSITIONS, [tenantId, identifiers]);
}
