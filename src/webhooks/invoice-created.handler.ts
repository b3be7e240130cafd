import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { readGate } from '../database/gate.js';
import { MICROS_PER_HOUR, MICROS_PER_MINUTE, type Micros } from '../domain/instant.js';
import type { StripeAccount } from '../stripe/stripe-account.js';
import type { ReadInvoice } from '../stripe/stripe-invoices.js';
import { InvoicedUsageReader } from './invoiced-usage.js';
import { invoiceStanding, type InvoiceStanding } from './invoice-standing.store.js';
import {
  StripeEventHandler,
  type Effect,
  type HandlerResult,
  type InboxEvent,
} from './stripe-event-handler.js';

/**
 * As long as `invoice.created` is not answered, Stripe leaves the draft a draft, for three days.
 * Source: https://docs.stripe.com/billing/subscriptions/webhooks
 */
const HELD_BACK_MAX = 72 * MICROS_PER_HOUR;
/** So that our last answer reaches Stripe before it goes on by itself. */
const MARGIN = MICROS_PER_HOUR;
/** Where Stripe does not say when the draft becomes final. */
const DRAFT_TIME = MICROS_PER_HOUR;
const DRAFT_MARGIN = 5 * MICROS_PER_MINUTE;

/**
 * A draft that bills usage of ours: its periods are closed and pushed, and Stripe is kept waiting
 * until they have arrived.
 *
 * What is on its way, or not known to have arrived, settles by itself: it is waited for as long as
 * Stripe waits. What is held or was rejected needs somebody: that has the time that a draft has
 * anyway, then the invoice goes out without it, and it is shown as unbillable.
 */
@Injectable()
export class InvoiceCreatedHandler extends StripeEventHandler {
  readonly types = ['invoice.created'] as const;
  /** Stripe keeps the draft until it hears 200. */
  override readonly answersWhenDone = true;

  constructor(
    private readonly db: Database,
    private readonly reader: InvoicedUsageReader,
  ) {
    super();
  }

  async handle(event: InboxEvent, account: StripeAccount): Promise<HandlerResult> {
    const { tenantId, objectId } = event;
    if (objectId === null) return { outcome: 'ignored', effects: [] };
    const taken = await this.reader.take(tenantId, account, objectId);
    if (taken === undefined) return ignored('invoice_deleted');
    const { invoice, usage, effects } = taken;
    const fetched = invoice.object;
    if (usage.length === 0) return { ...ignored('no_usage_of_ours'), fetched };
    const early = await this.reader.close(tenantId, usage);
    if (early > 0) return waiting(effects, 'period_not_ended', fetched);
    if (invoice.status !== 'draft') return { outcome: 'done', effects, fetched };
    const standing = await invoiceStanding(this.db.work, tenantId, usage);
    const { now } = await readGate(this.db.work, tenantId);
    const cause = causeToWait(standing, invoice, now);
    return cause === undefined
      ? { outcome: 'done', effects: [...effects, ...leftOf(standing)], fetched }
      : waiting(effects, cause, fetched);
  }
}

function causeToWait(
  { unclosed, unplanned, unsent, unknown, held }: InvoiceStanding,
  { createdAt, finalizesAt }: ReadInvoice,
  now: Micros,
): string | undefined {
  if (now < createdAt + HELD_BACK_MAX - MARGIN) {
    if (unclosed > 0) return 'not_closed';
    if (unplanned > 0) return 'not_planned';
    if (unsent > 0) return 'not_delivered';
    if (unknown > 0) return 'delivery_unknown';
  }
  const draftUntil = finalizesAt ?? createdAt + DRAFT_TIME;
  if (held > 0 && now < draftUntil - DRAFT_MARGIN) return 'held';
  return undefined;
}

/** What goes out of the invoice's reach. */
function leftOf({ unclosed, unplanned, unsent, unknown, held }: InvoiceStanding): Effect[] {
  const left = unclosed + unplanned + unsent + unknown + held;
  return left === 0
    ? [{ kind: 'delivered' }]
    : [{ kind: 'left_behind', unsent: unclosed + unplanned + unsent, unknown, held }];
}

function waiting(effects: readonly Effect[], cause: string, fetched: unknown): HandlerResult {
  return { outcome: 'waiting', effects: [...effects, { kind: 'waiting', cause }], fetched };
}

function ignored(reason: string): HandlerResult {
  return { outcome: 'ignored', effects: [{ kind: 'ignored', reason }] };
}
