import { Injectable } from '@nestjs/common';
import { Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { PushAccounts } from '../stripe/push-site.js';
import { StripePace } from '../stripe/stripe-pace.js';
import { requeueHeld, requeueOpen, type PeriodFilter } from './push-requeue.store.js';

/** Held periods are looked at again this often where open ones are pushed only at their close. */
const HELD_INTERVAL_S = 3_600;
/** Of the pace of calls, what open periods may take: the rest is for closes and repeats. */
const SHARE_OF_PACE = 0.5;

interface Turn {
  /** Which interval since 1970 had its turn last: all processes have theirs at the same time. */
  readonly slot: number;
  readonly intervalSeconds: number;
}

/** Has open periods pushed between times. */
@Injectable()
export class PushInterval {
  private readonly turns = new Map<string, Turn>();

  constructor(
    private readonly db: Database,
    private readonly config: Config,
    private readonly accounts: PushAccounts,
    private readonly pace: StripePace,
  ) {}

  /** Has the tenant's open periods planned if the next interval has begun. */
  async tick(tenantId: string, nowMs = Date.now()): Promise<void> {
    const shortest = this.config.PUSH_INTERVAL_SECONDS || HELD_INTERVAL_S;
    const slotOf = (seconds: number): number => Math.floor(nowMs / 1_000 / seconds);
    const turn = this.turns.get(tenantId);
    // The interval in which this process began was another's to serve, or the one after is early enough.
    if (turn === undefined) {
      this.turns.set(tenantId, { slot: slotOf(shortest), intervalSeconds: shortest });
      return;
    }
    if (slotOf(turn.intervalSeconds) === turn.slot) return;
    const periods = await this.enqueue(tenantId);
    const { livemode } = (await this.accounts.of(tenantId)) ?? { livemode: false };
    const stretched = periods / (this.pace.permitted({ livemode }) * SHARE_OF_PACE);
    const intervalSeconds = Math.max(shortest, Math.ceil(stretched));
    this.turns.set(tenantId, { slot: slotOf(intervalSeconds), intervalSeconds });
  }

  /** Has what the tenant owes by now planned at once: open periods, and closed ones that are held. */
  async planNow(tenantId: string, filter: PeriodFilter = {}): Promise<number> {
    const open = await requeueOpen(this.db.work, tenantId, filter);
    return open + (await requeueHeld(this.db.work, tenantId, filter));
  }

  private async enqueue(tenantId: string): Promise<number> {
    const held = await requeueHeld(this.db.work, tenantId, {});
    if (this.config.PUSH_INTERVAL_SECONDS === 0) return held;
    return held + (await requeueOpen(this.db.work, tenantId, {}));
  }
}
