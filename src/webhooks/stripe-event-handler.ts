import type { Micros } from '../domain/instant.js';
import type { StripeAccount } from '../stripe/stripe-account.js';

/** An event as it stands in the inbox. Of its body only the id, the type and the object's id are believed. */
export interface InboxEvent {
  readonly tenantId: string;
  /** Stripe's `evt_…`. */
  readonly eventId: string;
  readonly type: string;
  /** The id of the object that it is about, such as `sub_…`, `in_…`, `cus_…`; thin events: of the related object. */
  readonly objectId: string | null;
  readonly livemode: boolean;
  /** The connected account, for events of one. */
  readonly accountId: string | null;
  readonly receivedAt: Micros;
}

/** What an event led to, one line each, such as `{ "kind": "disputed", "identifier": "co1_…" }`. */
export type Effect = Readonly<Record<string, string | number | boolean | null>>;

export type HandlerResult =
  /** Worked on to the end. `fetched` is the object as Stripe has it now; it is kept. */
  | {
      readonly outcome: 'done' | 'ignored';
      readonly effects: readonly Effect[];
      readonly fetched?: unknown;
    }
  /** Something must become true first (pushes delivered): to be tried again; the sender is told 503. */
  | {
      readonly outcome: 'waiting';
      readonly effects: readonly Effect[];
      readonly fetched?: unknown;
    };

/**
 * Works on events of some types. Any number of processes may run it at once and again on the same
 * event: each effect happens once whatever the order and number of calls. What it throws is tried
 * again with back-off, and the event is dead after too many attempts.
 */
export abstract class StripeEventHandler {
  abstract readonly types: readonly string[];

  /**
   * Stripe is told 200 only once the event is done, and 503 before. It holds an invoice back as
   * long as its `invoice.created` is not answered with 2xx, 72 hours at most.
   */
  readonly answersWhenDone: boolean = false;

  abstract handle(event: InboxEvent, account: StripeAccount): Promise<HandlerResult>;
}
