import type { Queryable } from '../../src/database/connections.js';

const POLL_MS = 2;
const PATIENCE_MS = 20_000;

/** Resolves once a session waits for a lock: by its process id, or any of an application's name. */
export async function untilWaiting(db: Queryable, who: number | string): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (Date.now() < deadline) {
    const waiting = await db.query(
      `SELECT FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'
          AND (pid::text = $1 OR application_name = $1)`,
      [String(who)],
    );
    if (waiting.length > 0) return;
    await pause(POLL_MS);
  }
  throw new Error(`${who} never waited for a lock`);
}

export function pause(ms: number): Promise<void> {
  return new Promise((resume) => setTimeout(resume, ms));
}
