interface Trouble {
  readonly failures: number;
  /** Of `Date.now()`. */
  readonly untilMs: number;
}

/** What has failed is left alone for a while, twice as long each time, until it succeeds. */
export class TroublePauses {
  private readonly troubles = new Map<string, Trouble>();

  constructor(
    private readonly firstMs: number,
    private readonly longestMs: number,
  ) {}

  isPaused(name: string): boolean {
    return (this.troubles.get(name)?.untilMs ?? 0) > Date.now();
  }

  failed(name: string): void {
    const failures = (this.troubles.get(name)?.failures ?? 0) + 1;
    const pauseMs = Math.min(this.firstMs * 2 ** (failures - 1), this.longestMs);
    this.troubles.set(name, { failures, untilMs: Date.now() + pauseMs });
  }

  succeeded(name: string): void {
    this.troubles.delete(name);
  }
}
