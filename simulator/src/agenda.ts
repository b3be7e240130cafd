interface Dated<Entry> {
  atMs: number;
  entry: Entry;
}

/** What is due at moments of the virtual clock: soonest first, at one moment in order of entry. */
export class Agenda<Entry> {
  #dated: Dated<Entry>[] = [];

  /** Unix milliseconds; `Infinity` when nothing is left. */
  get nextAtMs(): number {
    return this.#dated[0]?.atMs ?? Infinity;
  }

  add(atMs: number, entry: Entry): void {
    if (atMs === Infinity) return;
    let low = 0;
    let high = this.#dated.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#dated[middle]?.atMs ?? Infinity) <= atMs) low = middle + 1;
      else high = middle;
    }
    this.#dated.splice(low, 0, { atMs, entry });
  }

  takeDue(nowMs: number): Dated<Entry> | null {
    return this.nextAtMs <= nowMs ? (this.#dated.shift() ?? null) : null;
  }

  clear(): void {
    this.#dated = [];
  }
}
