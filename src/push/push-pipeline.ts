import { setTimeout as sleep } from 'node:timers/promises';
import { Bell } from './bell.js';
import type { ClaimedPush } from './push-claim.store.js';
import type { Claim, NoTurns } from './push-claimer.js';

/** Between two claims at the least: what is settled meanwhile is claimed together. */
const CLAIM_PAUSE_MS = 20;
/**
 * Of what is claimed at once, how much may still wait for its turn when the next is claimed: a
 * busy database takes its time for a claim, and a turn that nobody takes is lost.
 */
const CLAIM_AHEAD = 1;
/** What waits for its answer at the most, in seconds of the pace: Stripe takes less than one. */
const CALLS_S = 1;
const CALLS_MIN = 32;
const CALLS_MAX = 512;
/** A claimed push that did not get its turn by then is given back unsent. */
const TURN_WAIT_MAX_MS = 60_000;

/** What a pipeline runs on. */
export interface PushFlow {
  /** Calls per second, and how many of them are claimed at once. */
  readonly callsPerSecond: number;
  readonly batchSize: number;
  /** @returns Nothing where nothing is due that is free to go. */
  claim(): Promise<Claim | NoTurns | undefined>;
  /** Waits for the next call that may be made, where so many wait. */
  turn(waiting: number): Promise<void>;
  /** Calls, and writes down what came of it. */
  send(push: ClaimedPush): Promise<void>;
  /** Puts a push back as it was. */
  giveBack(push: ClaimedPush): Promise<void>;
  /** Whether claimed pushes are still to be sent. */
  isOpen(): boolean;
}

interface Claimed {
  readonly push: ClaimedPush;
  readonly claimedAtMs: number;
  /** By the clock on the wall, which goes on while a machine sleeps. */
  readonly claimedOnMs: number;
}

/**
 * Sends all that is due: while some calls are on their way others are claimed, and what they free
 * is claimed again. Holds a second of pushes or two, however many there are.
 */
export class PushPipeline {
  private readonly bell = new Bell();
  private readonly queue: Claimed[] = [];
  private readonly callsMax: number;
  private calls = 0;
  private made = 0;
  /** Whether something ended since the last claim, so that another one may find more. */
  private isFreed = false;
  private isClaiming = true;
  private failure: { readonly error: unknown } | undefined;

  constructor(private readonly flow: PushFlow) {
    const calls = Math.ceil(flow.callsPerSecond * CALLS_S);
    this.callsMax = Math.min(CALLS_MAX, Math.max(CALLS_MIN, calls));
  }

  /** @returns How many calls were made. */
  async run(): Promise<number> {
    const dispatching = this.dispatch();
    try {
      await this.claimAhead();
    } catch (error) {
      this.fail(error);
    }
    this.isClaiming = false;
    this.bell.ring();
    await dispatching;
    while (this.calls > 0) await this.bell.rung();
    if (this.failure !== undefined) throw this.failure.error;
    return this.made;
  }

  private async claimAhead(): Promise<void> {
    while (this.isOpen()) {
      this.isFreed = false;
      const claim = await this.flow.claim();
      if (claim === undefined) {
        // What ended while this was looked for may have freed another.
        if (this.isIdle() && !this.isFreed) return;
        await this.until(() => this.isFreed || this.isIdle());
      } else if ('waitMs' in claim) {
        await sleep(claim.waitMs);
      } else {
        const claimed = { claimedAtMs: performance.now(), claimedOnMs: Date.now() };
        this.queue.push(...claim.pushes.map((push) => ({ push, ...claimed })));
        this.bell.ring();
        const ahead = this.flow.batchSize * CLAIM_AHEAD;
        await this.until(() => this.queue.length <= ahead && (!claim.isAll || this.isFreed));
      }
      await sleep(CLAIM_PAUSE_MS);
    }
  }

  private async dispatch(): Promise<void> {
    for (;;) {
      const next = this.queue.shift();
      if (next !== undefined) await this.start(next);
      else if (this.isClaiming) await this.bell.rung();
      else return;
    }
  }

  private async start({ push, claimedAtMs, claimedOnMs }: Claimed): Promise<void> {
    if (this.isOpen()) await this.flow.turn(this.queue.length + 1);
    while (this.calls >= this.callsMax) await this.bell.rung();
    const waitedMs = Math.max(performance.now() - claimedAtMs, Date.now() - claimedOnMs);
    const isLate = waitedMs > TURN_WAIT_MAX_MS;
    const isSent = this.isOpen() && !isLate;
    this.calls++;
    if (isSent) this.made++;
    void (isSent ? this.flow.send(push) : this.flow.giveBack(push))
      .catch((error: unknown) => this.fail(error))
      .finally(() => {
        this.calls--;
        this.isFreed = true;
        this.bell.ring();
      });
  }

  private isOpen(): boolean {
    return this.failure === undefined && this.flow.isOpen();
  }

  private isIdle(): boolean {
    return this.calls === 0 && this.queue.length === 0;
  }

  private async until(isSo: () => boolean): Promise<void> {
    while (!isSo() && this.isOpen()) await this.bell.rung();
  }

  private fail(error: unknown): void {
    this.failure ??= { error };
    this.bell.ring();
  }
}
