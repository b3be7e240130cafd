import type { Queryable } from '../database/connections.js';

export interface StatusFigures {
  readonly status: 'pending' | 'sending' | 'unknown';
  readonly pushes: number;
  readonly oldestSeconds: number;
}

export interface AccountFigures {
  readonly mode: 'live' | 'test';
  readonly accounts: number;
  /** Of these accounts, those called more slowly since Stripe asked for it. */
  readonly slowed: number;
  readonly reads: number;
  /** Of these accounts, those that may not be read any more this month. */
  readonly readUp: number;
}

const UNSETTLED = `
  SELECT status, count(*) AS "pushes",
         extract(epoch FROM clock_timestamp() - min(
           CASE status WHEN 'unknown' THEN first_attempt_at ELSE created_at END))::float8
           AS "oldestSeconds"
    FROM push WHERE status IN ('pending', 'unknown') GROUP BY status
   UNION ALL
  SELECT 'sending', count(*),
         coalesce(extract(epoch FROM clock_timestamp() - min(last_attempt_at)), 0)::float8
    FROM push WHERE status = 'sending'`;

/** A pace that was slowed down is back, at the latest, after 20 steps of a second each. */
const ACCOUNTS = `
  SELECT CASE WHEN livemode THEN 'live' ELSE 'test' END AS "mode", count(*) AS "accounts",
         count(*) FILTER (WHERE p.slowed_at > clock_timestamp() - interval '20 seconds') AS "slowed",
         coalesce(sum(r.reads), 0)::float8 AS "reads",
         count(*) FILTER (WHERE r.reads >= $1) AS "readUp"
    FROM stripe_pace p
    FULL JOIN (SELECT * FROM stripe_reads
                WHERE month = date_trunc('month', clock_timestamp(), 'UTC')) r
   USING (account_id, livemode)
   GROUP BY livemode`;

export async function statusFigures(db: Queryable): Promise<StatusFigures[]> {
  return db.query(UNSETTLED);
}

export async function accountFigures(
  db: Queryable,
  readsPerMonth: number,
): Promise<AccountFigures[]> {
  return db.query(ACCOUNTS, [readsPerMonth]);
}
