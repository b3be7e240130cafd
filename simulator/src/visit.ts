import type { Caller } from './accounts.js';
import type { RequestFacts } from './fault-match.js';

/** A request that Stripe knows the sender of, until it is answered. */
export interface Visit {
  caller: Caller;
  facts: RequestFacts;
  /** It is no longer in flight. */
  leave: () => void;
}
