import { Injectable } from '@nestjs/common';
import type { StripeAccount } from '../stripe/stripe-account.js';
import { InvoicedUsageReader } from './invoiced-usage.js';
import { StripeEventHandler, type HandlerResult, type InboxEvent } from './stripe-event-handler.js';

/**
 * What becomes of an invoice after it was drawn up. From when it is final, what was not delivered of
 * its periods is unbillable, and what is recorded later is late.
 */
@Injectable()
export class InvoiceChangedHandler extends StripeEventHandler {
  readonly types = [
    'invoice.updated',
    'invoice.finalized',
    'invoice.finalization_failed',
    'invoice.paid',
    'invoice.voided',
    'invoice.marked_uncollectible',
    'invoice.deleted',
  ] as const;

  constructor(private readonly reader: InvoicedUsageReader) {
    super();
  }

  async handle(event: InboxEvent, account: StripeAccount): Promise<HandlerResult> {
    const { tenantId, objectId } = event;
    if (objectId === null) return { outcome: 'ignored', effects: [] };
    const taken = await this.reader.take(tenantId, account, objectId);
    if (taken === undefined) {
      return { outcome: 'done', effects: [{ kind: 'invoice_deleted', invoice: objectId }] };
    }
    const { invoice, usage, effects } = taken;
    if (usage.length === 0) return { outcome: 'ignored', effects, fetched: invoice.object };
    if (invoice.status !== 'draft') await this.reader.close(tenantId, usage);
    return { outcome: 'done', effects, fetched: invoice.object };
  }
}
