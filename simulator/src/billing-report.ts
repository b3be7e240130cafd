import type { Account } from './account.js';
import type { BillingReason, InvoiceRecord, InvoiceStatus } from './invoice.js';
import { usageOf } from './invoice-lines.js';
import type { Subscription } from './subscription.js';
import type { World } from './world.js';

/** A line as the oracle tells it: what Stripe shows, and behind it what it was counted from. */
export interface BilledLine {
  subscription_item: string;
  price: string;
  meter: string | null;
  /** Half-open, unix seconds. */
  period: { start: number; end: number };
  quantity: number;
  quantity_decimal: string;
  /** Aggregated by the meter up to now, late usage too; may be negative. Null without a meter. */
  usage_now: string | null;
  amount: number;
}

export interface BilledInvoice {
  id: string;
  account: string;
  livemode: boolean;
  customer: string;
  subscription: string;
  status: InvoiceStatus;
  billing_reason: BillingReason;
  /** Unix seconds. */
  created: number;
  automatically_finalizes_at: number | null;
  finalized_at: number | null;
  total: number;
  lines: BilledLine[];
}

export type SubscriptionEntry = Subscription & { account: string };

/** Every invoice of every account in order of creation. */
export function invoicesOf(world: World): BilledInvoice[] {
  return world.accounts.all().flatMap((account) =>
    [...account.billing.invoices.values()].map((record) => {
      const { invoice } = record;
      return {
        id: invoice.id,
        account: account.id,
        livemode: account.livemode,
        customer: invoice.customer,
        subscription: invoice.parent.subscription_details.subscription,
        status: invoice.status,
        billing_reason: invoice.billing_reason,
        created: invoice.created,
        automatically_finalizes_at: invoice.automatically_finalizes_at,
        finalized_at: invoice.status_transitions.finalized_at,
        total: invoice.total,
        lines: linesOf(world, account, record),
      };
    }),
  );
}

function linesOf(world: World, account: Account, { lines, spans }: InvoiceRecord): BilledLine[] {
  const nowMs = world.clock.nowMs();
  return lines.flatMap((line, index) => {
    const span = spans[index];
    if (!span) return [];
    const { price, quantity } = span;
    return {
      subscription_item: span.item,
      price: price.id,
      meter: price.recurring.meter,
      period: { start: line.period.start, end: line.period.end },
      quantity: line.quantity,
      quantity_decimal: line.quantity_decimal,
      usage_now: quantity === null ? usageOf(world, account, span, nowMs).toFixed() : null,
      amount: line.amount,
    };
  });
}

export function subscriptionsOf(world: World): SubscriptionEntry[] {
  return world.accounts.all().flatMap((account) =>
    [...account.billing.subscriptions.values()].map(({ subscription }) => ({
      ...structuredClone(subscription),
      account: account.id,
    })),
  );
}
