import type { Queryable, Transaction } from '../database/connections.js';
import { formatInstantMicros, type Micros } from '../domain/instant.js';
import type { BulkVoidFilterDto } from './bulk-void.dto.js';
import {
  eventsOf,
  IS_SELECTED,
  selectionParameters,
  type EventSelection,
} from './event-selection.js';

export interface BulkVoid {
  readonly id: string;
  readonly filter: BulkVoidFilterDto;
  readonly selection: EventSelection;
  readonly reason: string;
  readonly createdAt: Micros;
  readonly found: number;
  readonly voided: number;
  readonly alreadyVoided: number;
  /** The last event that was worked on. */
  readonly cursorCustomerNo: number | null;
  readonly cursorAt: Micros | null;
  readonly cursorKey: string | null;
  readonly finishedAt: Micros | null;
}

export interface SelectedEvent {
  readonly eventKey: string;
  readonly customerNo: number;
  readonly occurredAt: Micros;
}

const COLUMNS = `
  bulk_void_id AS id, filter, selection, reason, created_at AS "createdAt", found, voided,
  already_voided AS "alreadyVoided", cursor_customer_no AS "cursorCustomerNo",
  cursor_at AS "cursorAt", cursor_key AS "cursorKey", finished_at AS "finishedAt"`;

/** @returns How many events the selection takes of those received by now, and when that is. */
export async function countSelected(
  db: Queryable,
  tenantId: string,
  selection: EventSelection,
): Promise<{ found: number; alreadyVoided: number; at: Micros }> {
  const [now] = await db.query<{ at: Micros }>('SELECT clock_timestamp() AS at');
  const at = now!.at;
  const [counted] = await db.query<{ found: number; alreadyVoided: number }>(
    `SELECT count(*) AS found, count(v.event_key) AS "alreadyVoided"
       FROM ${eventsOf(selection)} e
       LEFT JOIN usage_void v ON v.tenant_id = e.tenant_id AND v.event_key = e.event_key
      WHERE ${IS_SELECTED}`,
    selectionParameters(tenantId, selection, formatInstantMicros(at)),
  );
  return { ...counted!, at };
}

export async function insertBulkVoid(
  db: Queryable,
  tenantId: string,
  job: Pick<BulkVoid, 'id' | 'filter' | 'selection' | 'reason' | 'createdAt' | 'found'>,
): Promise<void> {
  await db.query(
    `INSERT INTO bulk_void (tenant_id, bulk_void_id, filter, selection, reason, created_at, found)
     VALUES ($1, $2, $3, $4, $5, $6::timestamptz, $7)`,
    [
      tenantId,
      job.id,
      JSON.stringify(job.filter),
      JSON.stringify(job.selection),
      job.reason,
      formatInstantMicros(job.createdAt),
      job.found,
    ],
  );
}

export async function bulkVoidById(
  db: Queryable,
  tenantId: string,
  id: string,
): Promise<BulkVoid | undefined> {
  const [job] = await db.query<BulkVoid>(
    `SELECT ${COLUMNS} FROM bulk_void WHERE tenant_id = $1 AND bulk_void_id = $2`,
    [tenantId, id],
  );
  return job;
}

/** For this transaction alone; nothing where somebody else has it, or it is finished. */
export async function lockBulkVoid(
  tx: Transaction,
  tenantId: string,
  id: string,
): Promise<BulkVoid | undefined> {
  const [job] = await tx.query<BulkVoid>(
    `SELECT ${COLUMNS} FROM bulk_void
      WHERE tenant_id = $1 AND bulk_void_id = $2 AND finished_at IS NULL FOR UPDATE SKIP LOCKED`,
    [tenantId, id],
  );
  return job;
}

export async function unfinishedBulkVoids(db: Queryable, tenantId: string): Promise<string[]> {
  const rows = await db.query<{ id: string }>(
    `SELECT bulk_void_id AS id FROM bulk_void
      WHERE tenant_id = $1 AND finished_at IS NULL ORDER BY created_at`,
    [tenantId],
  );
  return rows.map(({ id }) => id);
}

/** The next events after the cursor, voided or not. */
export async function nextSelected(
  db: Queryable,
  tenantId: string,
  job: BulkVoid,
  limit: number,
): Promise<SelectedEvent[]> {
  const until = formatInstantMicros(job.createdAt);
  return db.query<SelectedEvent>(
    `SELECT e.event_key AS "eventKey", e.customer_no AS "customerNo",
            e.occurred_at AS "occurredAt"
       FROM ${eventsOf(job.selection)} e
      WHERE ${IS_SELECTED}
        AND ($11::bigint IS NULL
             OR (e.customer_no, e.occurred_at, e.event_key) > ($11, $12::timestamptz, $13::uuid))
      ORDER BY e.customer_no, e.occurred_at, e.event_key LIMIT $14`,
    [
      ...selectionParameters(tenantId, job.selection, until),
      job.cursorCustomerNo,
      job.cursorAt === null ? null : formatInstantMicros(job.cursorAt),
      job.cursorKey,
      limit,
    ],
  );
}

/** Moves the cursor past what was worked on, in the transaction that did it. */
export async function addVoided(
  tx: Transaction,
  tenantId: string,
  id: string,
  done: { readonly voided: number; readonly alreadyVoided: number; readonly last: SelectedEvent },
): Promise<void> {
  await tx.query(
    `UPDATE bulk_void SET voided = voided + $3, already_voided = already_voided + $4,
            cursor_customer_no = $5, cursor_at = $6::timestamptz, cursor_key = $7
      WHERE tenant_id = $1 AND bulk_void_id = $2`,
    [
      tenantId,
      id,
      done.voided,
      done.alreadyVoided,
      done.last.customerNo,
      formatInstantMicros(done.last.occurredAt),
      done.last.eventKey,
    ],
  );
}

export async function finishBulkVoid(
  tx: Transaction,
  tenantId: string,
  id: string,
  at: Micros,
): Promise<void> {
  await tx.query(
    `UPDATE bulk_void SET finished_at = $3::timestamptz WHERE tenant_id = $1 AND bulk_void_id = $2`,
    [tenantId, id, formatInstantMicros(at)],
  );
}
