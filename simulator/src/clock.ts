import { VirtualTimers } from './virtual-timers.js';

/**
 * The clock behind every window of the simulator. It runs beside the real clock at an offset, or
 * stands still when frozen, and moves only when a test moves it.
 */
export class VirtualClock {
  #offsetMs = 0;
  #frozenAtMs: number | null = null;
  #skewMs = 0;
  readonly #timers = new VirtualTimers();
  #wakeUp: NodeJS.Timeout | null = null;
  readonly #startMs: number | undefined;
  readonly #startFrozen: boolean;

  constructor(startMs?: number, frozen = false) {
    this.#startMs = startMs;
    this.#startFrozen = frozen;
    this.reset();
  }

  /** Unix milliseconds. */
  nowMs(): number {
    return this.trueMs() + this.#skewMs;
  }

  /** What the clock shows to those that are not {@link skewed}. */
  trueMs(): number {
    return this.#frozenAtMs ?? Date.now() + this.#offsetMs;
  }

  /** Whole unix seconds, as Stripe's v1 objects carry them. */
  nowSeconds(): number {
    return Math.floor(this.nowMs() / 1000);
  }

  get frozen(): boolean {
    return this.#frozenAtMs !== null;
  }

  /** On the way forward every timer runs at its own instant, before the clock arrives. */
  setMs(nowMs: number): void {
    this.#runTimers(nowMs);
    this.#place(nowMs);
    this.#setWakeUp();
  }

  advanceMs(byMs: number): void {
    this.setMs(this.nowMs() + byMs);
  }

  setFrozen(frozen: boolean): void {
    const nowMs = this.nowMs();
    this.#frozenAtMs = frozen ? nowMs : null;
    this.setMs(nowMs);
  }

  /**
   * Runs something once the virtual time has come, whether the clock runs there or is moved there.
   * Returns what takes the order back.
   */
  at(dueMs: number, run: () => void): () => void {
    const cancel = this.#timers.add(dueMs, run);
    this.#setWakeUp();
    return cancel;
  }

  /** When the next order is due, unix milliseconds; null when none is left. */
  get nextDueMs(): number | null {
    return this.#timers.nextDueMs();
  }

  /** Runs what is due by now, also what was ordered for an instant that had passed already. */
  runDue(): void {
    this.#runTimers(this.nowMs());
  }

  /** What runs in here reads a clock that is off by so much: one server of many with a wrong time. */
  skewed<Result>(skewMs: number, run: () => Result): Result {
    this.#skewMs = skewMs;
    try {
      return run();
    } finally {
      this.#skewMs = 0;
    }
  }

  /** Back to where the simulator was started; nothing is due any more. */
  reset(): void {
    this.#timers.clear();
    this.#offsetMs = 0;
    // Frozen first, so that not even a millisecond passes.
    this.#frozenAtMs = this.#startFrozen ? Date.now() : null;
    if (this.#startMs !== undefined) this.setMs(this.#startMs);
  }

  #place(nowMs: number): void {
    if (this.#frozenAtMs === null) this.#offsetMs = nowMs - Date.now();
    else this.#frozenAtMs = nowMs;
  }

  #runTimers(untilMs: number): void {
    for (let timer = this.#timers.take(untilMs); timer; timer = this.#timers.take(untilMs)) {
      // A timer that is overdue does not turn the clock back.
      if (timer.dueMs > this.nowMs()) this.#place(timer.dueMs);
      timer.run();
    }
  }

  /** A running clock reaches a due instant by itself; a frozen one never does. */
  #setWakeUp(): void {
    if (this.#wakeUp) clearTimeout(this.#wakeUp);
    this.#wakeUp = null;
    const dueMs = this.#timers.nextDueMs();
    if (dueMs === null || this.frozen) return;
    const waitMs = Math.min(Math.max(1, dueMs - this.nowMs()), LONGEST_TIMEOUT_MS);
    this.#wakeUp = setTimeout(() => {
      this.#runTimers(this.nowMs());
      this.#setWakeUp();
    }, waitMs).unref();
  }
}

/** The longest that Node's timers can wait; a longer wait is made of several. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;
