import type { Queryable, Transaction } from '../database/connections.js';
import { tenantIds } from '../database/tenant-ids.js';
import { timeOfDay } from '../database/time-of-day.js';
import { formatInstantMicros, MICROS_PER_SECOND, type Micros } from '../domain/instant.js';
import { lockNumber, type CommandKey } from './command-key.js';

/** An answer as it is sent again. */
export interface CommandAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Nothing: it has none. */
  readonly body: string | null;
}

/** A command that has committed: answered, or at work on what it made. */
export interface KnownCommand {
  readonly hash: Buffer;
  readonly made: object | string | null;
  readonly answer: CommandAnswer | undefined;
}

type KnownRow = Omit<KnownCommand, 'answer'> & {
  readonly status: number | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
};

/** How long a key is remembered. */
const KEPT: Micros = 30 * 86_400 * MICROS_PER_SECOND;

const FIND = `
  SELECT request_hash AS "hash", made, status, headers, body
    FROM command_answer
   WHERE tenant_id = $1 AND route = $2 AND idempotency_key = $3 AND created_at >= $4`;

/** The place of one that is older than what is kept may be taken. */
const INSERT = `
  INSERT INTO command_answer AS a (tenant_id, route, idempotency_key, request_hash, made,
                                   lease_until, status, headers, body, created_at, answered_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
  ON CONFLICT ON CONSTRAINT command_answer_pkey DO UPDATE
     SET request_hash = excluded.request_hash, made = excluded.made, fence = a.fence + 1,
         lease_until = excluded.lease_until, status = excluded.status, headers = excluded.headers,
         body = excluded.body, created_at = excluded.created_at, answered_at = excluded.answered_at
   WHERE a.created_at < $12
  RETURNING a.fence`;

const ANSWER = `
  UPDATE command_answer
     SET status = $4, headers = $5, body = $6, answered_at = $7, lease_until = NULL
   WHERE tenant_id = $1 AND route = $2 AND idempotency_key = $3 AND answered_at IS NULL
  RETURNING 1`;

const EXPIRE = `
  DELETE FROM command_answer a
   USING (SELECT route, idempotency_key FROM command_answer
           WHERE tenant_id = $1 AND created_at < $2
           ORDER BY created_at LIMIT $3) old
   WHERE a.tenant_id = $1 AND a.route = old.route AND a.idempotency_key = old.idempotency_key
     AND a.created_at < $2
  RETURNING 1`;

function keyOf({ tenantId, route, key }: CommandKey): string[] {
  return [tenantId, route, key];
}

/** @returns Whether no other transaction runs a command of this key; until this one ends, none will. */
export async function lockCommand(tx: Transaction, command: CommandKey): Promise<boolean> {
  const [row] = await tx.query<{ locked: boolean }>(
    'SELECT pg_try_advisory_xact_lock($1::bigint) AS locked',
    [lockNumber(command)],
  );
  return row!.locked;
}

export async function findCommand(
  db: Queryable,
  command: CommandKey,
): Promise<KnownCommand | undefined> {
  const oldest = formatInstantMicros((await timeOfDay(db)) - KEPT);
  const [row] = await db.query<KnownRow>(FIND, [...keyOf(command), oldest]);
  if (row === undefined) return undefined;
  const { status, headers, body, ...known } = row;
  return { ...known, answer: status === null ? undefined : { status, headers, body } };
}

/** Keeps the answer in the transaction of what it tells. */
export async function insertAnswer(
  tx: Transaction,
  command: CommandKey,
  answer: CommandAnswer,
): Promise<void> {
  const { status, headers, body } = answer;
  const now = await timeOfDay(tx);
  const answered = [status, JSON.stringify(headers), body, formatInstantMicros(now)];
  await insert(tx, command, [null, null], answered, now);
}

/** Keeps what a command goes on with, in the transaction that made it. @returns The fence of its lease. */
export async function insertMade(
  tx: Transaction,
  command: CommandKey,
  made: object | string,
  leaseMicros: Micros,
): Promise<number> {
  const now = await timeOfDay(tx);
  const lease = formatInstantMicros(now + leaseMicros);
  return insert(tx, command, [JSON.stringify(made), lease], [null, '{}', null, null], now);
}

async function insert(
  tx: Transaction,
  command: CommandKey,
  made: readonly unknown[],
  [status, headers, body, answeredAt]: readonly unknown[],
  now: Micros,
): Promise<number> {
  const [row] = await tx.query<{ fence: number }>(INSERT, [
    ...keyOf(command),
    command.hash,
    ...made,
    status,
    headers,
    body,
    formatInstantMicros(now),
    answeredAt,
    formatInstantMicros(now - KEPT),
  ]);
  if (row === undefined) throw new Error('another process has run the command');
  return row.fence;
}

/** Keeps the answer of a command that had committed before. @returns Whether it is the first one. */
export async function answerCommand(
  db: Queryable,
  command: CommandKey,
  { status, headers, body }: CommandAnswer,
): Promise<boolean> {
  const now = formatInstantMicros(await timeOfDay(db));
  const values = [...keyOf(command), status, JSON.stringify(headers), body, now];
  return (await db.query(ANSWER, values)).length > 0;
}

/** Tenants with answers that are older than what is kept. */
export async function tenantsToForget(db: Queryable): Promise<string[]> {
  return tenantIds(
    db,
    `SELECT t.tenant_id AS "tenantId" FROM tenant t
      WHERE EXISTS (SELECT FROM command_answer a
                     WHERE a.tenant_id = t.tenant_id AND a.created_at < $1)`,
    [formatInstantMicros((await timeOfDay(db)) - KEPT)],
  );
}

/** Forgets some of what is older than what is kept. @returns How many. */
export async function forgetAnswers(
  db: Queryable,
  tenantId: string,
  limit: number,
): Promise<number> {
  const oldest = formatInstantMicros((await timeOfDay(db)) - KEPT);
  return (await db.query(EXPIRE, [tenantId, oldest, limit])).length;
}
