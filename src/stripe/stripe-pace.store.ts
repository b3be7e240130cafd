import type { Queryable, Transaction } from '../database/connections.js';
import { formatInstantMicros, MICROS_PER_SECOND, type Micros } from '../domain/instant.js';
import type { AccountName } from './account-name.js';

/** How far the calls of an account are given out, and how it was slowed down last. */
export interface PaceRow {
  readonly leasedUntil: Micros;
  /** Calls per second. */
  readonly slowedTo: string | null;
  readonly slowedAt: Micros | null;
}

const READ = `
  SELECT leased_until AS "leasedUntil", slowed_to AS "slowedTo", slowed_at AS "slowedAt"
    FROM stripe_pace WHERE account_id = $1 AND livemode = $2`;

/** Nobody slows down twice for what was sent before the first time took effect. */
const SLOW_DOWN = `
  UPDATE stripe_pace SET slowed_to = $3, slowed_at = $4
   WHERE account_id = $1 AND livemode = $2 AND (slowed_at IS NULL OR slowed_at <= $5)
  RETURNING 1`;

/** Until this transaction ends, no other process gives out calls of the account. */
export async function lockPace(
  tx: Transaction,
  { accountId, livemode }: AccountName,
): Promise<PaceRow> {
  const lock = (): Promise<PaceRow[]> => tx.query(`${READ} FOR UPDATE`, [accountId, livemode]);
  const [known] = await lock();
  if (known !== undefined) return known;
  await tx.query(
    `INSERT INTO stripe_pace (account_id, livemode, leased_until) VALUES ($1, $2, $3)
     ON CONFLICT (account_id, livemode) DO NOTHING`,
    [accountId, livemode, formatInstantMicros(0)],
  );
  return (await lock())[0]!;
}

export async function readPace(
  db: Queryable,
  { accountId, livemode }: AccountName,
): Promise<PaceRow | undefined> {
  return (await db.query<PaceRow>(READ, [accountId, livemode]))[0];
}

export async function leaseUntil(
  tx: Transaction,
  { accountId, livemode }: AccountName,
  until: Micros,
): Promise<void> {
  await tx.query(
    'UPDATE stripe_pace SET leased_until = $3 WHERE account_id = $1 AND livemode = $2',
    [accountId, livemode, formatInstantMicros(until)],
  );
}

/** @returns Whether nobody else did within the last second. */
export async function slowPaceDown(
  db: Queryable,
  { accountId, livemode }: AccountName,
  { to, at }: { to: number; at: Micros },
): Promise<boolean> {
  const rows = await db.query(SLOW_DOWN, [
    accountId,
    livemode,
    to,
    formatInstantMicros(at),
    formatInstantMicros(at - MICROS_PER_SECOND),
  ]);
  return rows.length > 0;
}
