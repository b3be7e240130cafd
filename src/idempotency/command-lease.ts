import type { Queryable } from '../database/connections.js';
import { timeOfDay } from '../database/time-of-day.js';
import { formatInstantMicros, MICROS_PER_SECOND, type Micros } from '../domain/instant.js';
import type { CommandKey } from './command-key.js';

/**
 * How long a process that stopped renewing is still thought to be at work on what a command made. One
 * that merely was slow loses nothing by it: whoever goes on begins nothing anew.
 */
export const LEASE: Micros = 4 * MICROS_PER_SECOND;
const RENEW_EVERY_MS = 1_000;

const CLAIM = `
  UPDATE command_answer SET lease_until = $5, fence = fence + 1
   WHERE tenant_id = $1 AND route = $2 AND idempotency_key = $3
     AND answered_at IS NULL AND lease_until < $4
  RETURNING fence`;

const SET = `
  UPDATE command_answer SET lease_until = $5
   WHERE tenant_id = $1 AND route = $2 AND idempotency_key = $3
     AND answered_at IS NULL AND fence = $4`;

/** Says that this process is at work on what a command made, until it is ended. */
export class CommandLease {
  private readonly renewing: NodeJS.Timeout;

  private constructor(
    private readonly db: Queryable,
    private readonly command: CommandKey,
    private readonly fence: number,
  ) {
    // A renewal that fails is one that is late.
    this.renewing = setInterval(() => {
      this.set(LEASE).catch(() => undefined);
    }, RENEW_EVERY_MS);
    this.renewing.unref();
  }

  /** Of the process that made it. */
  static of(db: Queryable, command: CommandKey, fence: number): CommandLease {
    return new CommandLease(db, command, fence);
  }

  /** @returns Nothing where another process is at work on it. */
  static async claim(db: Queryable, command: CommandKey): Promise<CommandLease | undefined> {
    const now = await timeOfDay(db);
    const [row] = await db.query<{ fence: number }>(CLAIM, [
      command.tenantId,
      command.route,
      command.key,
      formatInstantMicros(now),
      formatInstantMicros(now + LEASE),
    ]);
    return row === undefined ? undefined : new CommandLease(db, command, row.fence);
  }

  /** After the answer was kept. */
  end(): void {
    clearInterval(this.renewing);
  }

  /** Lets the next request with the key go on at once; where this fails, once the lease is over. */
  async release(): Promise<void> {
    this.end();
    await this.set(0).catch(() => undefined);
  }

  private async set(ahead: Micros): Promise<void> {
    const { tenantId, route, key } = this.command;
    const until = formatInstantMicros((await timeOfDay(this.db)) + ahead);
    await this.db.query(SET, [tenantId, route, key, this.fence, until]);
  }
}
