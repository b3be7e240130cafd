/**
 * The clock behind every window of the simulator. It runs beside the real clock at an offset, or
 * stands still when frozen, and moves only when a test moves it.
 */
export class VirtualClock {
  #offsetMs = 0;
  #frozenAtMs: number | null = null;
  readonly #startMs: number | undefined;
  readonly #startFrozen: boolean;

  constructor(startMs?: number, frozen = false) {
    this.#startMs = startMs;
    this.#startFrozen = frozen;
    this.reset();
  }

  /** Unix milliseconds. */
  nowMs(): number {
    return this.#frozenAtMs ?? Date.now() + this.#offsetMs;
  }

  /** Whole unix seconds, as Stripe's v1 objects carry them. */
  nowSeconds(): number {
    return Math.floor(this.nowMs() / 1000);
  }

  get frozen(): boolean {
    return this.#frozenAtMs !== null;
  }

  setMs(nowMs: number): void {
    if (this.#frozenAtMs === null) this.#offsetMs = nowMs - Date.now();
    else this.#frozenAtMs = nowMs;
  }

  advanceMs(byMs: number): void {
    this.setMs(this.nowMs() + byMs);
  }

  setFrozen(frozen: boolean): void {
    const nowMs = this.nowMs();
    this.#frozenAtMs = frozen ? nowMs : null;
    this.setMs(nowMs);
  }

  /** Back to where the simulator was started. */
  reset(): void {
    this.#offsetMs = 0;
    this.#frozenAtMs = null;
    if (this.#startMs !== undefined) this.setMs(this.#startMs);
    if (this.#startFrozen) this.setFrozen(true);
  }
}
