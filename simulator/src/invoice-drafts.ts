import type { Account } from './account.js';
import { emit, type Occasion } from './core-event-emit.js';
import { setLines, type BillingReason, type Invoice, type InvoiceRecord } from './invoice.js';
import { finalizeInvoice, planFinalization } from './invoice-finalization.js';
import { linesOf } from './invoice-lines.js';
import type { BilledSpan, Subscription, SubscriptionRecord } from './subscription.js';
import type { World } from './world.js';

/**
 * Bills spans of a subscription, with those left over from items that are gone. Nothing to bill
 * makes no invoice. The first invoice of a subscription is final at once, the others wait.
 */
export function draftInvoice(
  world: World,
  account: Account,
  occasion: Occasion,
  record: SubscriptionRecord,
  reason: BillingReason,
  ownSpans: readonly BilledSpan[],
): Invoice | null {
  const spans = [...record.unbilled, ...ownSpans];
  if (spans.length === 0) return null;
  record.unbilled = [];
  const { subscription } = record;
  const made = newInvoice(world, account, subscription, reason, spans, occasion.atMs);
  account.billing.invoices.set(made.invoice.id, made);
  subscription.latest_invoice = made.invoice.id;
  if (reason === 'subscription_create') {
    emit(world, account, occasion, { type: 'invoice.created', object: made.invoice });
    finalizeInvoice(world, account, made, occasion);
  } else {
    planFinalization(world, account, made, occasion);
  }
  return made.invoice;
}

/** An invoice as it would be drawn up now; it is not in the books. */
export function newInvoice(
  world: World,
  account: Account,
  subscription: Subscription,
  reason: BillingReason,
  spans: readonly BilledSpan[],
  atMs: number,
): InvoiceRecord {
  const id = world.newId(reason === 'upcoming' ? 'upcoming_in_' : 'in_');
  const created = Math.floor(atMs / 1000);
  const isHeld = subscription.pause_collection !== null;
  const invoice: Invoice = {
    id,
    object: 'invoice',
    amount_due: 0,
    amount_paid: 0,
    amount_remaining: 0,
    attempt_count: 0,
    attempted: false,
    auto_advance: !isHeld,
    automatically_finalizes_at: null,
    billing_reason: reason,
    collection_method: subscription.collection_method,
    created,
    currency: subscription.currency,
    customer: subscription.customer,
    description: null,
    due_date: null,
    lines: { object: 'list', data: [], has_more: false, total_count: 0, url: linesUrl(id) },
    livemode: account.livemode,
    metadata: {},
    number: null,
    parent: {
      quote_details: null,
      subscription_details: { metadata: subscription.metadata, subscription: subscription.id },
      type: 'subscription_details',
    },
    ...periodOf(spans, created),
    status: 'draft',
    status_transitions: {
      finalized_at: null,
      marked_uncollectible_at: null,
      paid_at: null,
      voided_at: null,
    },
    subtotal: 0,
    total: 0,
    webhooks_delivered_at: null,
  };
  const times = { finalizesAtMs: Infinity, isTimeChosen: false, unansweredUntilMs: null };
  const record: InvoiceRecord = { invoice, spans, lines: [], ...times };
  setLines(record, linesOf(world, account, spans, id, atMs));
  return record;
}

/** An invoice looks back: its own period is that of the usage, not of fees in advance. */
function periodOf(spans: readonly BilledSpan[], created: number) {
  const usage = spans.filter(({ quantity }) => quantity === null);
  if (usage.length === 0) return { period_end: created, period_start: created };
  return {
    period_end: Math.max(...usage.map(({ end }) => end)),
    period_start: Math.min(...usage.map(({ start }) => start)),
  };
}

function linesUrl(id: string): string {
  return `/v1/invoices/${id}/lines`;
}
