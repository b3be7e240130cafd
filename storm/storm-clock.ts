import type { Simulator } from '@countonce/stripe-simulator';
import type pg from 'pg';

const realNow = Date.now;

/**
 * The one time of a history: of the database, of Stripe and of our processes. It stands still but
 * where the history moves it, so that a day costs one statement.
 */
export class StormClock implements Disposable {
  private constructor(
    private readonly admin: pg.Client,
    private readonly simulator: Simulator,
    private ms: number,
  ) {}

  /** @param simulator Its clock is frozen. */
  static async start(admin: pg.Client, simulator: Simulator, nowMs: number): Promise<StormClock> {
    const clock = new StormClock(admin, simulator, nowMs);
    Date.now = () => clock.ms;
    await clock.moveTo(nowMs);
    return clock;
  }

  get nowMs(): number {
    return this.ms;
  }

  /** Whatever falls due at Stripe on the way happens at its own instant. */
  async advance(seconds: number): Promise<void> {
    await this.moveTo(this.ms + Math.round(seconds * 1_000));
  }

  private async moveTo(ms: number): Promise<void> {
    await this.admin.query('SELECT setval($1, $2::bigint)', ['storm.clock', ms * 1_000]);
    this.simulator.advanceClock((ms - this.ms) / 1_000);
    this.ms = ms;
  }

  [Symbol.dispose](): void {
    Date.now = realNow;
  }
}
