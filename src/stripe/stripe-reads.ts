import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { timeOfDay } from '../database/time-of-day.js';
import { formatInstantMicros, MICROS_PER_MILLISECOND, type Micros } from '../domain/instant.js';
import type { AccountName } from './account-name.js';
import { StripeUnavailable } from './stripe-account.js';

/** What a read is for: settling what is not known goes before checking what is. */
export type ReadPurpose = 'settle' | 'check';

/** Of the 25 a second that Stripe allows an endpoint, in test mode all calls together. */
const LIVE_READS_PER_SECOND = 10;
const TEST_READS_PER_SECOND = 4;
/** What may be read at once after a pause. */
const BURST = 4;
/** Of a month's reads, what each purpose may use. */
const SHARE: Readonly<Record<ReadPurpose, number>> = { settle: 1, check: 0.5 };

/**
 * Turns of all processes one behind the other, each counted before it is read. None is a minute
 * ahead, unless the database's clock went back.
 */
const TAKE_TURN = `
  INSERT INTO stripe_reads AS r (account_id, livemode, month, reads, last_turn_at)
  SELECT $1, $2, $3, 1, $4 WHERE $6 > 0
  ON CONFLICT (account_id, livemode, month) DO UPDATE
     SET reads = r.reads + 1,
         last_turn_at = CASE WHEN r.last_turn_at > excluded.last_turn_at + interval '1 minute'
                             THEN excluded.last_turn_at
                             ELSE greatest(excluded.last_turn_at,
                                           r.last_turn_at + $5 * interval '1 second') END
   WHERE r.reads < $6
  RETURNING last_turn_at AS "turnAt"`;

/** The pace of reads of a Stripe account in one mode, and how many it may have in a month. */
@Injectable()
export class StripeReads {
  constructor(
    private readonly db: Database,
    private readonly config: Config,
  ) {}

  /**
   * Waits for the account's next turn, of all processes.
   *
   * @throws StripeUnavailable where the month's reads for the purpose are used up.
   */
  async turn(account: AccountName, purpose: ReadPurpose): Promise<void> {
    const now = await timeOfDay(this.db.work);
    const allowed = Math.floor(this.config.STRIPE_READS_PER_MONTH * SHARE[purpose]);
    const pauseS = 1 / (account.livemode ? LIVE_READS_PER_SECOND : TEST_READS_PER_SECOND);
    const [turn] = await this.db.work.query<{ turnAt: Micros }>(TAKE_TURN, [
      account.accountId,
      account.livemode,
      monthOf(now),
      formatInstantMicros(now),
      pauseS,
      allowed,
    ]);
    if (turn === undefined) {
      throw new StripeUnavailable(
        `the ${allowed} reads of ${account.accountId} in ${monthOf(now).slice(0, 7)} ` +
          `to ${purpose} with are used up (STRIPE_READS_PER_MONTH)`,
      );
    }
    const waitMs = (turn.turnAt - now) / MICROS_PER_MILLISECOND - (BURST - 1) * pauseS * 1_000;
    if (waitMs > 0) await sleep(waitMs);
  }
}

function monthOf(now: Micros): string {
  return `${formatInstantMicros(now).slice(0, 7)}-01T00:00:00Z`;
}
