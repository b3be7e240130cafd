interface Timer {
  dueMs: number;
  run: () => void;
}

/** What is due at instants of the virtual clock. */
export class VirtualTimers {
  readonly #timers = new Set<Timer>();

  /** Returns what takes the order back. */
  add(dueMs: number, run: () => void): () => void {
    const timer = { dueMs, run };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  /** Removes and returns the earliest that is due by then; of equal ones the first added. */
  take(untilMs: number): Timer | null {
    const timer = this.#earliest();
    if (!timer || timer.dueMs > untilMs) return null;
    this.#timers.delete(timer);
    return timer;
  }

  nextDueMs(): number | null {
    return this.#earliest()?.dueMs ?? null;
  }

  clear(): void {
    this.#timers.clear();
  }

  #earliest(): Timer | null {
    let earliest: Timer | null = null;
    for (const timer of this.#timers) {
      if (!earliest || timer.dueMs < earliest.dueMs) earliest = timer;
    }
    return earliest;
  }
}
