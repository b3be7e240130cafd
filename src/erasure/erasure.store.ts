import type { Queryable, Transaction } from '../database/connections.js';
import { formatInstantMicros, type Micros } from '../domain/instant.js';
import type { SoughtTexts } from './sought-texts.js';

/** What is erased, in this order. */
export const PHASES = [
  'usage_events',
  'totals',
  'pushes',
  'corrections',
  'replays',
  'quarantine',
  'stripe',
  'answers',
  'approvals',
  'audit',
] as const;
export type ErasurePhase = (typeof PHASES)[number];

/** Where a phase has come to: whatever it sorts by. */
export type Position = readonly (string | number)[];

export interface Erasure {
  readonly id: string;
  readonly customerNo: number;
  /** What the customer goes by from then on. */
  readonly pseudonym: string;
  readonly reason: string;
  readonly phase: ErasurePhase | 'done';
  /** The last that the phase has done. */
  readonly position: Position | null;
  readonly usageEvents: number;
  readonly otherRows: number;
  readonly createdAt: Micros;
  readonly finishedAt: Micros | null;
}

/** One under way, with what only whoever works on it needs. */
export interface RunningErasure extends Erasure {
  readonly phase: ErasurePhase;
  readonly sought: SoughtTexts;
  readonly hashKey: Buffer;
  /** Audit entries before this one may tell of the customer. */
  readonly auditSequence: number;
}

const COLUMNS = `
  erasure_id AS id, customer_no AS "customerNo", pseudonym, reason, phase, position,
  usage_events AS "usageEvents", other_rows AS "otherRows", created_at AS "createdAt",
  finished_at AS "finishedAt"`;

/** To be called once the audit has its entry. */
export async function insertErasure(
  tx: Transaction,
  tenantId: string,
  erasure: Pick<
    RunningErasure,
    'id' | 'customerNo' | 'pseudonym' | 'reason' | 'sought' | 'hashKey' | 'createdAt'
  >,
): Promise<void> {
  await tx.query(
    `INSERT INTO erasure (tenant_id, erasure_id, customer_no, pseudonym, reason, sought, hash_key,
            audit_sequence, phase, created_at)
     SELECT $1, $2, $3, $4, $5, $6, $7,
            (SELECT sequence FROM audit_head WHERE tenant_id = $1), $8,
            $9::timestamptz
     RETURNING 1`,
    [
      tenantId,
      erasure.id,
      erasure.customerNo,
      erasure.pseudonym,
      erasure.reason,
      JSON.stringify(erasure.sought),
      erasure.hashKey,
      PHASES[0],
      formatInstantMicros(erasure.createdAt),
    ],
  );
}

export async function erasureById(
  db: Queryable,
  tenantId: string,
  id: string,
): Promise<Erasure | undefined> {
  const [erasure] = await db.query<Erasure>(
    `SELECT ${COLUMNS} FROM erasure WHERE tenant_id = $1 AND erasure_id = $2`,
    [tenantId, id],
  );
  return erasure;
}

/** To be called behind the gate. */
export async function runningErasureOf(
  tx: Transaction,
  tenantId: string,
  customerNo: number,
): Promise<string | undefined> {
  const [running] = await tx.query<{ id: string }>(
    `SELECT erasure_id AS id FROM erasure
      WHERE tenant_id = $1 AND customer_no = $2 AND finished_at IS NULL`,
    [tenantId, customerNo],
  );
  return running?.id;
}

/** For this transaction alone; nothing where somebody else has it, or it is finished. */
export async function lockErasure(
  tx: Transaction,
  tenantId: string,
  id: string,
): Promise<RunningErasure | undefined> {
  const [erasure] = await tx.query<RunningErasure>(
    `SELECT ${COLUMNS}, sought, hash_key AS "hashKey", audit_sequence AS "auditSequence"
       FROM erasure
      WHERE tenant_id = $1 AND erasure_id = $2 AND finished_at IS NULL FOR UPDATE SKIP LOCKED`,
    [tenantId, id],
  );
  return erasure;
}

export async function unfinishedErasures(db: Queryable, tenantId: string): Promise<string[]> {
  const rows = await db.query<{ id: string }>(
    `SELECT erasure_id AS id FROM erasure
      WHERE tenant_id = $1 AND finished_at IS NULL ORDER BY created_at`,
    [tenantId],
  );
  return rows.map(({ id }) => id);
}

/** What one transaction did. */
export interface Done {
  readonly usageEvents?: number;
  readonly otherRows?: number;
  /** Where to go on; absent: the phase is over. */
  readonly position?: Position;
}

/** Notes how far it has come, in the transaction that did it. The last phase forgets what was sought. */
export async function advance(
  tx: Transaction,
  tenantId: string,
  { id, phase }: RunningErasure,
  { usageEvents = 0, otherRows = 0, position }: Done,
): Promise<void> {
  const next = position === undefined ? (PHASES[PHASES.indexOf(phase) + 1] ?? 'done') : phase;
  await tx.query(ADVANCE, [
    tenantId,
    id,
    next,
    position === undefined ? null : JSON.stringify(position),
    usageEvents,
    otherRows,
  ]);
}

const ADVANCE = `
  UPDATE erasure e
     SET phase = $3, position = $4, usage_events = e.usage_events + $5,
         other_rows = e.other_rows + $6,
         sought = CASE WHEN $3 = 'done' THEN NULL ELSE e.sought END,
         hash_key = CASE WHEN $3 = 'done' THEN NULL ELSE e.hash_key END,
         finished_at = CASE WHEN $3 = 'done' THEN n.now END
    FROM (SELECT clock_timestamp() AS now) n
   WHERE e.tenant_id = $1 AND e.erasure_id = $2`;
