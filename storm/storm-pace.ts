import { StripePace } from '../src/stripe/stripe-pace.js';
import { StripeReads } from '../src/stripe/stripe-reads.js';

/** Calls as they come: the time of a history does not pass while somebody waits for it. */
export class StormPace extends StripePace {
  override async turn(): Promise<void> {}
}

/** Reads likewise. */
export class StormReads extends StripeReads {
  override async turn(): Promise<void> {}
}
