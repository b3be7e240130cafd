import type { Transaction } from '../database/connections.js';
import { formatInstantMicros, type Micros } from '../domain/instant.js';
import { periodKeyArrays, type PeriodKey } from '../usage/period-values.js';
import type { PlannedHold, PlannedPush } from './push-plan.js';

/** A push with its name and its place in its lane. */
export interface NumberedPush extends PlannedPush {
  readonly identifier: string;
  readonly laneId: string;
  readonly sequence: number;
  readonly status: 'pending' | 'shadow';
  readonly eventName: string;
  readonly customerKey: string;
  readonly valueKey: string;
  readonly formula: string;
  readonly purpose: 'usage' | 'repair';
  readonly closes: boolean;
  /** When what it carries is billed, as far as is known: the earliest goes first. */
  readonly finalizesAt: Micros;
}

export interface NamedHold extends PlannedHold, PeriodKey {
  readonly identifier: string;
}

const INSERT_PUSHES = `
  WITH planned AS (
    INSERT INTO push (tenant_id, identifier, lane_id, sequence, kind, customer_no, meter_no,
                      period_start, hour, value, "timestamp", account_id, livemode,
                      stripe_customer_id, event_name, customer_key, value_key, formula, purpose,
                      closes, finalizes_at, transition_no, status, next_attempt_at)
    SELECT $1, k.identifier, k.lane_id, k.sequence, k.kind, l.customer_no, l.meter_no,
           l.period_start, k.hour, k.value, k.at, l.account_id, l.livemode, l.stripe_customer_id,
           k.event_name, k.customer_key, k.value_key, k.formula, k.purpose, k.closes,
           k.finalizes_at, 1, k.status, CASE WHEN k.status = 'pending' THEN $2::timestamptz END
      FROM unnest($3::text[], $4::uuid[], $5::integer[], $6::text[], $7::timestamptz[],
                  $8::numeric[], $9::timestamptz[], $10::text[], $11::text[], $12::text[],
                  $13::text[], $14::text[], $15::text[], $16::boolean[], $17::timestamptz[])
             AS k (identifier, lane_id, sequence, kind, hour, value, at, status, event_name,
                   customer_key, value_key, formula, purpose, closes, finalizes_at)
      JOIN push_lane l ON l.tenant_id = $1 AND l.lane_id = k.lane_id
    RETURNING identifier, status
  )
  INSERT INTO push_transition (tenant_id, identifier, transition_no, to_status, at)
  SELECT $1, identifier, 1, status, $2 FROM planned`;

const RAISE_SEQUENCES = `
  UPDATE push_lane l SET last_sequence = k.sequence
    FROM (SELECT lane_id, max(sequence) AS sequence
            FROM unnest($2::uuid[], $3::integer[]) AS k (lane_id, sequence) GROUP BY lane_id) k
   WHERE l.tenant_id = $1 AND l.lane_id = k.lane_id`;

const DELETE_HOLDS = `
  DELETE FROM push_hold h
   USING unnest($2::bigint[], $3::integer[], $4::timestamptz[])
           AS k (customer_no, meter_no, period_start)
   WHERE h.tenant_id = $1 AND h.customer_no = k.customer_no AND h.meter_no = k.meter_no
     AND h.period_start = k.period_start AND h.identifier <> ALL ($5::text[])`;

const UPSERT_HOLDS = `
  INSERT INTO push_hold AS h (tenant_id, customer_no, meter_no, period_start, reason, identifier,
                              kind, value, detail)
  SELECT $1, k.*
    FROM unnest($2::bigint[], $3::integer[], $4::timestamptz[], $5::text[], $6::text[], $7::text[],
                $8::numeric[], $9::text[])
           AS k (customer_no, meter_no, period_start, reason, identifier, kind, value, detail)
   ORDER BY k.customer_no, k.meter_no, k.period_start, k.reason
  ON CONFLICT (tenant_id, customer_no, meter_no, period_start, reason) DO UPDATE
     SET kind = excluded.kind, value = excluded.value, detail = excluded.detail
   WHERE (h.kind, h.value, h.detail) IS DISTINCT FROM (excluded.kind, excluded.value, excluded.detail)`;

export async function insertPushes(
  tx: Transaction,
  tenantId: string,
  pushes: readonly NumberedPush[],
  dueAt: Micros,
): Promise<void> {
  if (pushes.length === 0) return;
  await tx.query(INSERT_PUSHES, [
    tenantId,
    formatInstantMicros(dueAt),
    pushes.map((push) => push.identifier),
    pushes.map((push) => push.laneId),
    pushes.map((push) => push.sequence),
    pushes.map((push) => push.kind),
    pushes.map((push) => (push.hour === null ? null : formatInstantMicros(push.hour))),
    pushes.map((push) => push.value),
    pushes.map((push) => formatInstantMicros(push.timestamp)),
    pushes.map((push) => push.status),
    pushes.map((push) => push.eventName),
    pushes.map((push) => push.customerKey),
    pushes.map((push) => push.valueKey),
    pushes.map((push) => push.formula),
    pushes.map((push) => push.purpose),
    pushes.map((push) => push.closes),
    pushes.map((push) => formatInstantMicros(push.finalizesAt)),
  ]);
  await tx.query(RAISE_SEQUENCES, [
    tenantId,
    pushes.map((push) => push.laneId),
    pushes.map((push) => push.sequence),
  ]);
}

/** Leaves the planned periods with these holds and no others. */
export async function replaceHolds(
  tx: Transaction,
  tenantId: string,
  planned: readonly PeriodKey[],
  holds: readonly NamedHold[],
): Promise<void> {
  const identifiers = holds.map((hold) => hold.identifier);
  await tx.query(DELETE_HOLDS, [tenantId, ...periodKeyArrays(planned), identifiers]);
  if (holds.length === 0) return;
  await tx.query(UPSERT_HOLDS, [
    tenantId,
    ...periodKeyArrays(holds),
    holds.map((hold) => hold.reason),
    identifiers,
    holds.map((hold) => hold.kind),
    holds.map((hold) => hold.value),
    holds.map((hold) => hold.detail),
  ]);
}
