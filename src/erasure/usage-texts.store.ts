import type { Transaction } from '../database/connections.js';
import { plainArray } from '../database/plain-array.js';
import { formatInstantMicros, type Micros } from '../domain/instant.js';
import { holdFolds } from '../usage/fold.js';
import type { Done, Erasure, Position, RunningErasure } from './erasure.store.js';

/** So many at a time, so that nobody waits long for a row. */
const EVENTS_MAX = 1_000;
const TOTALS_MAX = 2_000;

const NEXT_EVENTS = `
  SELECT event_key AS "eventKey", occurred_at AS "occurredAt"
    FROM usage_event
   WHERE tenant_id = $1 AND customer_no = $2
     AND ($3::timestamptz IS NULL OR (occurred_at, event_key) > ($3, $4::uuid))
   ORDER BY occurred_at, event_key LIMIT $5`;

/** The customer's events, the reasons of their voids, and the dimensions in the ledger. */
export async function eraseUsageEvents(
  tx: Transaction,
  tenantId: string,
  { customerNo, position }: RunningErasure,
): Promise<Done> {
  const events = await tx.query<{ eventKey: string; occurredAt: Micros }>(NEXT_EVENTS, [
    tenantId,
    customerNo,
    position?.[0] ?? null,
    position?.[1] ?? null,
    EVENTS_MAX,
  ]);
  const last = events.at(-1);
  if (last === undefined) return {};
  const keys = events.map(({ eventKey }) => eventKey);
  const usageEvents = await eraseTextsOf(tx, tenantId, customerNo, keys);
  return { usageEvents, position: [formatInstantMicros(last.occurredAt), last.eventKey] };
}

async function eraseTextsOf(
  tx: Transaction,
  tenantId: string,
  customerNo: number,
  eventKeys: readonly string[],
): Promise<number> {
  const [done] = await tx.query<{ events: number }>(
    'SELECT erase_usage_texts($1, $2, $3::uuid[]) AS events',
    [tenantId, customerNo, plainArray(eventKeys)],
  );
  return done!.events;
}

/** Voids and moves that ran beside the phase before have copied what stood there until then. */
const COPIED_SINCE = `
  SELECT DISTINCT event_key AS "eventKey" FROM (
    SELECT event_key FROM usage_entry
     WHERE tenant_id = $1 AND customer_no = $2 AND has_texts(dimensions) LIMIT $3) u`;

const GROUP = `
  tenant_id, customer_no, meter_no, period_start, origin_start, revision, billable, bucket`;
const SUMS = `
  quantity_sum, quantity_max, entry_count, last_quantity, last_at, last_key, digest`;
const MEMBER = `
  tenant_id, customer_no, meter_no, period_start, revision, billable, bucket`;

const rowsOf = (table: string): string => `
  WHERE ctid = ANY (ARRAY(SELECT ctid FROM ${table}
                           WHERE tenant_id = $1 AND customer_no = $2 AND has_texts(dimensions)
                           LIMIT $4)) AND tenant_id = $1`;

/**
 * Totals become deltas again, which need not be alone in their group; the next fold adds them up. So
 * need checkpoints not.
 */
const TOTALS = [
  `UPDATE usage_delta SET dimensions = erased_dimensions(dimensions, $3) ${rowsOf('usage_delta')}
   RETURNING 1`,
  `WITH gone AS (DELETE FROM usage_total ${rowsOf('usage_total')} RETURNING *)
   INSERT INTO usage_delta (${GROUP}, dimensions, ${SUMS})
   SELECT ${GROUP}, erased_dimensions(dimensions, $3), ${SUMS} FROM gone RETURNING 1`,
  `WITH gone AS (DELETE FROM usage_unique ${rowsOf('usage_unique')} RETURNING *),
   made AS (
     INSERT INTO usage_unique (${MEMBER}, dimensions, unique_key)
     SELECT ${MEMBER}, erased_dimensions(dimensions, $3), unique_key FROM gone
         ON CONFLICT DO NOTHING)
   SELECT FROM gone`,
  ...['usage_checkpoint', 'usage_checkpoint_member'].map(
    (table) =>
      `UPDATE ${table} SET dimensions = erased_dimensions(dimensions, $3) ${rowsOf(table)}
       RETURNING 1`,
  ),
];

/** Where the phase has come to: `gate` is where those that may still copy a text are waited for. */
type TotalsStep = 'gate' | 'entries' | 'totals';

/** Whether the next step must be taken behind the closed gate, which all hold that copy entries. */
export function needsClosedGate({ phase, position }: Pick<Erasure, 'phase' | 'position'>): boolean {
  return phase === 'totals' && stepOf(position) === 'gate';
}

function stepOf(position: Position | null): TotalsStep {
  return (position?.[0] as TotalsStep | undefined) ?? 'gate';
}

/** What was copied meanwhile, then the dimensions of totals as those of the ledger; folds wait. */
export async function eraseTotals(
  tx: Transaction,
  tenantId: string,
  erasure: RunningErasure,
): Promise<Done> {
  const { customerNo, hashKey } = erasure;
  const step = stepOf(erasure.position);
  if (step === 'gate') return { position: ['entries'] };
  if (step === 'entries') {
    const copied = await tx.query<{ eventKey: string }>(COPIED_SINCE, [
      tenantId,
      customerNo,
      EVENTS_MAX,
    ]);
    const keys = copied.map(({ eventKey }) => eventKey);
    if (keys.length === 0) return { position: ['totals'] };
    await eraseTextsOf(tx, tenantId, customerNo, keys);
    // Who saw them may copy them again.
    return { otherRows: keys.length, position: ['gate'] };
  }
  await holdFolds(tx, tenantId);
  let otherRows = 0;
  for (const statement of TOTALS) {
    otherRows += (await tx.query(statement, [tenantId, customerNo, hashKey, TOTALS_MAX])).length;
  }
  return otherRows === 0 ? {} : { otherRows, position: ['totals'] };
}
