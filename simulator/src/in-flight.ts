import { lockTimeout, tooManyConcurrent, TOO_MANY_CONCURRENT } from './errors.js';
import type { Switches } from './switches.js';

/** Which customer and meter have a request in flight. */
export class InFlight {
  readonly #lanes = new Set<string>();

  /** Returns what ends the stay. A null lane is never crowded. */
  enter(lane: string | null, concurrency: Switches['concurrentSameCustomer']): () => void {
    if (lane === null || concurrency === 'allowed') return () => {};
    // The 429 form is a lock timeout, which has no `Stripe-Rate-Limited-Reason` header.
    if (this.#lanes.has(lane)) {
      throw concurrency === '409' ? tooManyConcurrent() : lockTimeout(TOO_MANY_CONCURRENT);
    }
    this.#lanes.add(lane);
    return () => {
      this.#lanes.delete(lane);
    };
  }
}
