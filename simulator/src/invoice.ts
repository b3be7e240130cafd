import type { BilledSpan } from './subscription.js';

export type InvoiceStatus = 'draft' | 'open' | 'paid' | 'void';
export type BillingReason =
  'manual' | 'subscription_create' | 'subscription_cycle' | 'subscription_update' | 'upcoming';

export interface InvoiceLine {
  id: string;
  object: 'line_item';
  amount: number;
  currency: string;
  description: string | null;
  invoice: string | null;
  livemode: boolean;
  metadata: Readonly<Record<string, string>>;
  parent: {
    invoice_item_details: null;
    subscription_item_details: {
      invoice_item: null;
      proration: false;
      proration_details: null;
      subscription: string;
      subscription_item: string;
    };
    type: 'subscription_item_details';
  };
  period: { end: number; start: number };
  pricing: {
    price_details: { price: string; product: string };
    type: 'price_details';
    unit_amount_decimal: string;
  };
  /** Truncated. */
  quantity: number;
  /** Exact, at most 12 decimal places, never negative. */
  quantity_decimal: string;
  subscription: string;
  subtotal: number;
}

/** As much of Stripe's invoice as reconciliation needs. Instants are unix seconds. */
export interface Invoice {
  id: string;
  object: 'invoice';
  amount_due: number;
  amount_paid: number;
  amount_remaining: number;
  attempt_count: number;
  attempted: boolean;
  auto_advance: boolean;
  automatically_finalizes_at: number | null;
  billing_reason: BillingReason;
  collection_method: 'charge_automatically' | 'send_invoice';
  created: number;
  currency: string;
  customer: string;
  description: string | null;
  due_date: number | null;
  /** The first lines only; the rest comes from `/v1/invoices/:id/lines`. */
  lines: {
    object: 'list';
    data: InvoiceLine[];
    has_more: boolean;
    total_count: number;
    url: string;
  };
  livemode: boolean;
  metadata: Readonly<Record<string, string>>;
  number: string | null;
  parent: {
    quote_details: null;
    subscription_details: { metadata: object; subscription: string };
    type: 'subscription_details';
  };
  period_end: number;
  period_start: number;
  status: InvoiceStatus;
  status_transitions: {
    finalized_at: number | null;
    marked_uncollectible_at: null;
    paid_at: number | null;
    voided_at: number | null;
  };
  subtotal: number;
  total: number;
  webhooks_delivered_at: number | null;
}

export interface InvoiceRecord {
  readonly invoice: Invoice;
  readonly spans: readonly BilledSpan[];
  /** All of them, as of creation while it is a draft, as of finalization afterwards. */
  lines: readonly InvoiceLine[];
  /** When it becomes final by itself, virtual unix milliseconds; `Infinity` when it does not. */
  finalizesAtMs: number;
  /** Set by the API, and so no more moved by webhooks. */
  isTimeChosen: boolean;
  /** How long it waits for 2xx to `invoice.created`; null once that came, or when nobody asked. */
  unansweredUntilMs: number | null;
}

const EMBEDDED_LINES_MAX = 10;

/** Puts all lines into a record: into the invoice itself the first ones and the amounts. */
export function setLines(record: InvoiceRecord, lines: readonly InvoiceLine[]): void {
  const { invoice } = record;
  const total = lines.reduce((sum, { amount }) => sum + amount, 0);
  record.lines = lines;
  invoice.lines.data = lines.slice(0, EMBEDDED_LINES_MAX);
  invoice.lines.has_more = lines.length > EMBEDDED_LINES_MAX;
  invoice.lines.total_count = lines.length;
  const amounts = { subtotal: total, total, amount_due: total, amount_remaining: total };
  Object.assign(invoice, amounts);
}
