import type { UsageEvent } from '../domain/usage-event.js';

/** A checked event on its way into the ledger. */
export interface Candidate {
  readonly index: number;
  readonly event: UsageEvent;
  readonly eventKey: string;
  readonly fingerprint: Buffer;
  /** Recorded and shown, but never billed. */
  readonly historical: boolean;
  /** Whether the caller has the scope `usage:adjust`. */
  readonly mayAdjust: boolean;
}
