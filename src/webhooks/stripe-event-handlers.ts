import type { StripeEventHandler } from './stripe-event-handler.js';

/** Who works on which type of event. */
export class StripeEventHandlers {
  private readonly byType = new Map<string, StripeEventHandler>();

  constructor(handlers: readonly StripeEventHandler[]) {
    for (const handler of handlers) {
      for (const type of handler.types) {
        if (this.byType.has(type)) throw new Error(`two handlers take events of type ${type}`);
        this.byType.set(type, handler);
      }
    }
  }

  of(type: string): StripeEventHandler | undefined {
    return this.byType.get(type);
  }
}
