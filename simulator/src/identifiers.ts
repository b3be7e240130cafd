import type { CountedEvent } from './event-log.js';
import type { Switches } from './switches.js';

/** One acceptance of an identifier. `event` is null when the event was refused after the 200. */
export interface IdentifierUse {
  eventName: string;
  customer: string | null;
  receivedAtMs: number;
  event: CountedEvent | null;
}

interface Named {
  identifier: string;
  eventName: string;
  customer: string | null;
}

/** Remembers the identifiers of one account and mode. */
export class IdentifierUses {
  /** Oldest use first; more than one only after the window has passed. */
  readonly #uses = new Map<string, IdentifierUse[]>();

  /** An identifier is refused while its age is below the window; at exactly the window it is new. */
  isTaken({ identifier, eventName, customer }: Named, nowMs: number, switches: Switches): boolean {
    const { identifierWindowMs, identifierScope } = switches;
    return (this.#uses.get(identifier) ?? []).some((use) => {
      if (identifierScope !== 'account' && use.eventName !== eventName) return false;
      if (identifierScope === 'customer' && use.customer !== customer) return false;
      if (use.event === null && switches.asyncRejectedIdentifier === 'free') return false;
      if (use.event?.cancelled && switches.cancelledIdentifier === 'free') return false;
      return identifierWindowMs === 'forever' || nowMs - use.receivedAtMs < identifierWindowMs;
    });
  }

  /** As if it had never been used. */
  forget(identifier: string): void {
    this.#uses.delete(identifier);
  }

  add(identifier: string, use: IdentifierUse): void {
    const uses = this.#uses.get(identifier);
    if (uses) uses.push(use);
    else this.#uses.set(identifier, [use]);
  }

  /** The latest counted event of this name; what a cancellation means. */
  latestEvent(identifier: string, eventName: string): CountedEvent | null {
    const uses = this.#uses.get(identifier) ?? [];
    const use = uses.findLast((candidate) => candidate.event && candidate.eventName === eventName);
    return use?.event ?? null;
  }
}
