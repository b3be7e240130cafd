import type { Micros } from '../domain/instant.js';
import type { PushAccount } from './push-site.js';

/** What one push sends, as its row froze it: the same row gives the same bytes. */
export interface PushBody {
  readonly eventName: string;
  readonly identifier: string;
  readonly customerKey: string;
  readonly stripeCustomerId: string;
  readonly valueKey: string;
  /** Canonical decimal, at most 15 significant digits. */
  readonly value: string;
  /** A whole second. */
  readonly timestamp: Micros;
}

/** What one call tells about a push, by what can be done next. */
export type SendOutcome =
  | { readonly kind: 'delivered' }
  /** A push of this identifier was accepted before. */
  | { readonly kind: 'identifier_taken'; readonly message: string }
  /** The key was used before, with another body. */
  | { readonly kind: 'idempotency_mismatch'; readonly message: string }
  /** An earlier 500, which the key now repeats for ever. */
  | { readonly kind: 'stored_500'; readonly message: string }
  /** Surely not executed; `tooFast` where all calls to the account are to be fewer. */
  | {
      readonly kind: 'try_later';
      readonly why: string;
      readonly tooFast: boolean;
      /** Whatever had been called. */
      readonly isDown?: true;
    }
  /** The key is not accepted, whatever it sends. */
  | { readonly kind: 'account_refused'; readonly message: string }
  | { readonly kind: 'refused'; readonly code: string; readonly message: string }
  /** May or may not have been executed. */
  | { readonly kind: 'unknown'; readonly why: string };

/** Where pushes go. */
export abstract class PushTarget {
  /** One call. Never throws for what the other side does. */
  abstract send(account: PushAccount, body: PushBody, idempotencyKey: string): Promise<SendOutcome>;
}
