import type { Transaction } from '../database/connections.js';
import { formatInstantMicros, type Micros } from '../domain/instant.js';

/** What Stripe is sent of every push of a lane alike. */
export interface PushForm {
  readonly eventName: string;
  readonly customerKey: string;
  readonly valueKey: string;
  readonly formula: string;
}

/** A push with its name and its place in its lane. */
export interface NewPush extends PushForm {
  readonly identifier: string;
  readonly laneId: string;
  readonly sequence: number;
  readonly kind: 'delta' | 'total';
  /** NULL where it carries the whole period's usage. */
  readonly hour: Micros | null;
  readonly value: string;
  readonly timestamp: Micros;
  /** `delivered`: Stripe was found to have it. */
  readonly status: 'pending' | 'shadow' | 'delivered';
  readonly purpose: 'usage' | 'repair' | 'restored';
  readonly closes: boolean;
  /** When what it carries is billed, as far as is known: the earliest goes first. */
  readonly finalizesAt: Micros;
}

const INSERT = `
  WITH made AS (
    INSERT INTO push (tenant_id, identifier, lane_id, sequence, kind, customer_no, meter_no,
                      period_start, hour, value, "timestamp", account_id, livemode,
                      stripe_customer_id, event_name, customer_key, value_key, formula, purpose,
                      closes, of_closed, finalizes_at, transition_no, status, settled_by,
                      delivered_at, next_attempt_at)
    SELECT $1, k.identifier, k.lane_id, k.sequence, k.kind, l.customer_no, l.meter_no,
           l.period_start, k.hour, k.value, k.at, l.account_id, l.livemode, l.stripe_customer_id,
           k.event_name, k.customer_key, k.value_key, k.formula, k.purpose, k.closes,
           k.closes, k.finalizes_at, 1, k.status, CASE WHEN k.status = 'delivered' THEN 'reading' END,
           CASE WHEN k.status = 'delivered' THEN $2::timestamptz END,
           CASE WHEN k.status = 'pending' THEN $2::timestamptz END
      FROM unnest($3::text[], $4::uuid[], $5::integer[], $6::text[], $7::timestamptz[],
                  $8::numeric[], $9::timestamptz[], $10::text[], $11::text[], $12::text[],
                  $13::text[], $14::text[], $15::text[], $16::boolean[], $17::timestamptz[])
             AS k (identifier, lane_id, sequence, kind, hour, value, at, status, event_name,
                   customer_key, value_key, formula, purpose, closes, finalizes_at)
      JOIN push_lane l ON l.tenant_id = $1 AND l.lane_id = k.lane_id
    RETURNING identifier, status, purpose
  )
  INSERT INTO push_transition (tenant_id, identifier, transition_no, to_status, reason, at)
  SELECT $1, identifier, 1, status, NULLIF(purpose, 'usage'), $2 FROM made
  RETURNING 1`;

const RAISE_SEQUENCES = `
  UPDATE push_lane l SET last_sequence = greatest(l.last_sequence, k.sequence)
    FROM (SELECT lane_id, max(sequence) AS sequence
            FROM unnest($2::uuid[], $3::integer[]) AS k (lane_id, sequence) GROUP BY lane_id) k
   WHERE l.tenant_id = $1 AND l.lane_id = k.lane_id`;

/** Adds pushes to lanes that are locked. What waits to be sent is due at once. */
export async function insertPushes(
  tx: Transaction,
  tenantId: string,
  pushes: readonly NewPush[],
  at: Micros,
): Promise<void> {
  if (pushes.length === 0) return;
  const laneIds = pushes.map((push) => push.laneId);
  const sequences = pushes.map((push) => push.sequence);
  await tx.query(INSERT, [
    tenantId,
    formatInstantMicros(at),
    pushes.map((push) => push.identifier),
    laneIds,
    sequences,
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
  await tx.query(RAISE_SEQUENCES, [tenantId, laneIds, sequences]);
}
