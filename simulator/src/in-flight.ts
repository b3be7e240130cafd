import { ApiError } from './errors.js';
import type { Switches } from './switches.js';

/** Which customer and meter have a request in flight. */
export class InFlight {
  readonly #lanes = new Set<string>();

  /** Returns what ends the stay. A null lane is never crowded. */
  enter(lane: string | null, concurrency: Switches['concurrentSameCustomer']): () => void {
    if (lane === null || concurrency === 'allowed') return () => {};
    if (this.#lanes.has(lane)) throw tooManyConcurrent(concurrency);
    this.#lanes.add(lane);
    return () => {
      this.#lanes.delete(lane);
    };
  }
}

/** The 429 form is a lock timeout, which has no `Stripe-Rate-Limited-Reason` header. */
function tooManyConcurrent(concurrency: '409' | '429'): ApiError {
  const message = 'Cannot create multiple usage events for the same customer, meter concurrently.';
  return concurrency === '409'
    ? new ApiError(409, message, { code: 'too_many_concurrent_requests' })
    : new ApiError(429, message, { code: 'lock_timeout' });
}
