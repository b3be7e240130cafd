import { Injectable } from '@nestjs/common';
import { audit } from '../access/audit/audit.js';
import { Database } from '../database/database.js';
import { toPage, type Page, type PageRequest } from '../database/page.js';
import { formatInstantMicros } from '../domain/instant.js';
import { isStorableText } from '../domain/text.js';
import { Problem } from '../problem/problem.js';
import { listEvents, type EventFilter, type EventRow } from './stripe-event-list.store.js';
import { retryEvent } from './stripe-inbox.store.js';

/** What Stripe sent, what became of it, and the way back for what was given up. */
@Injectable()
export class StripeEventService {
  constructor(private readonly db: Database) {}

  async list(tenantId: string, filter: EventFilter, page: PageRequest): Promise<Page<EventRow>> {
    const rows = await listEvents(this.db.work, tenantId, filter, page.after, page.limit + 1);
    return toPage(rows, page, ({ receivedAt, eventId }) => [
      formatInstantMicros(receivedAt),
      eventId,
    ]);
  }

  /** @throws Problem `stripe_event_not_found` */
  async one(tenantId: string, eventId: string): Promise<EventRow> {
    const [event] = isStorableText(eventId)
      ? await listEvents(this.db.work, tenantId, { eventId }, undefined, 1)
      : [];
    if (event === undefined) {
      throw new Problem('stripe_event_not_found', 'no event of Stripe has this id');
    }
    return event;
  }

  /**
   * Has an event worked on again that was given up, failed or was ignored.
   *
   * @throws Problem `stripe_event_not_found` or `stripe_event_not_retryable`
   */
  async retry(tenantId: string, eventId: string): Promise<EventRow> {
    const { outcome } = await this.one(tenantId, eventId);
    await this.db.work.transaction(async (tx) => {
      if (!(await retryEvent(tx, tenantId, eventId))) {
        throw new Problem('stripe_event_not_retryable', `the event is ${outcome}`);
      }
      await audit(tx, tenantId, {
        action: 'stripe_event.retried',
        subject: `stripe_event:${eventId}`,
        before: { outcome },
        after: { outcome: 'pending' },
      });
    });
    return this.one(tenantId, eventId);
  }
}
