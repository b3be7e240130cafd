import type { Account } from './account.js';
import { emit, type Occasion } from './core-event-emit.js';
import { setLines, type InvoiceRecord } from './invoice.js';
import { linesOf } from './invoice-lines.js';
import type { World } from './world.js';

/** How long Stripe waits for 2xx to `invoice.created`, at most. */
const UNANSWERED_MS = 72 * 60 * 60 * 1000;

/**
 * Announces a draft and lets it become final by itself: after the grace period, counted from when
 * `invoice.created` was answered 2xx everywhere, and after 72 hours in any case.
 */
export function planFinalization(
  world: World,
  account: Account,
  record: InvoiceRecord,
  occasion: Occasion,
): void {
  const { invoice } = record;
  const { atMs } = occasion;
  const { invoiceGraceMs } = world.switches;
  const latestMs = atMs + UNANSWERED_MS;
  const type = 'invoice.created';
  const isAwaited = world.webhooks.wanting(account, 'snapshot', type).length > 0;
  if (isAwaited) record.unansweredUntilMs = latestMs;
  else invoice.webhooks_delivered_at = Math.floor(atMs / 1000);
  finalizeAt(world, account, record, atMs + invoiceGraceMs);
  const onAnswered = (answeredMs: number): void => {
    record.unansweredUntilMs = null;
    invoice.webhooks_delivered_at = Math.floor(answeredMs / 1000);
    if (invoice.status !== 'draft' || record.isTimeChosen) return;
    finalizeAt(world, account, record, Math.min(latestMs, answeredMs + invoiceGraceMs));
  };
  emit(world, account, occasion, { type, object: invoice, onAnswered });
}

/** Sets the moment at which a draft becomes final by itself, as long as `auto_advance` is on. */
export function finalizeAt(
  world: World,
  account: Account,
  record: InvoiceRecord,
  dueMs: number,
): void {
  const { invoice } = record;
  record.finalizesAtMs = dueMs;
  invoice.automatically_finalizes_at = invoice.auto_advance ? Math.floor(dueMs / 1000) : null;
  world.clock.at(dueMs, () => {
    if (record.finalizesAtMs !== dueMs || invoice.status !== 'draft') return;
    if (!invoice.auto_advance) return;
    const untilMs = record.isTimeChosen ? null : record.unansweredUntilMs;
    if (untilMs !== null && dueMs < untilMs) finalizeAt(world, account, record, untilMs);
    else finalizeInvoice(world, account, record, { atMs: dueMs, request: null });
  });
}

/** Takes the usage as it is now, for good, and asks for the money. */
export function finalizeInvoice(
  world: World,
  account: Account,
  record: InvoiceRecord,
  occasion: Occasion,
): void {
  const { invoice } = record;
  const { atMs } = occasion;
  setLines(record, linesOf(world, account, record.spans, invoice.id, atMs));
  invoice.status = 'open';
  invoice.status_transitions.finalized_at = Math.floor(atMs / 1000);
  invoice.automatically_finalizes_at = null;
  invoice.number = `SIM-${String(account.billing.nextInvoiceNumber()).padStart(4, '0')}`;
  record.finalizesAtMs = Infinity;
  emit(world, account, occasion, { type: 'invoice.finalized', object: invoice });
  const isCharged = invoice.auto_advance && invoice.collection_method === 'charge_automatically';
  if (invoice.total === 0 || isCharged) payInvoice(world, account, record, occasion);
}

/** Every payment succeeds. */
export function payInvoice(
  world: World,
  account: Account,
  { invoice }: InvoiceRecord,
  occasion: Occasion,
): void {
  invoice.status = 'paid';
  invoice.status_transitions.paid_at = Math.floor(occasion.atMs / 1000);
  invoice.amount_paid = invoice.total;
  invoice.amount_remaining = 0;
  invoice.attempted = true;
  invoice.attempt_count += 1;
  emit(world, account, occasion, { type: 'invoice.paid', object: invoice });
}
