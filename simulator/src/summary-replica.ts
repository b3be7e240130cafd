import { drawMs, type Duration, type Random } from './seeded-random.js';

/** Which summary reads go to a replica that lags behind. */
export type StaleReads = { every: number } | { share: number };

/**
 * Decides for each summary read whether it sees the present state or an older one. As it decides
 * anew each time, consecutive reads may step back.
 */
export class SummaryReplica {
  #reads = 0;

  constructor(private readonly random: Random) {}

  /** How far back the next read looks, milliseconds. */
  nextLagMs(staleReads: StaleReads, lag: Duration): number {
    this.#reads += 1;
    const isStale =
      'every' in staleReads
        ? this.#reads % staleReads.every === 0
        : this.random() < staleReads.share;
    return isStale ? drawMs(lag, this.random) : 0;
  }
}
