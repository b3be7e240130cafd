import { Injectable } from '@nestjs/common';
import { wakeInvoices } from '../customers/invoice-reading.store.js';
import type { Queryable } from '../database/connections.js';
import { Database } from '../database/database.js';
import { difference, sumOf } from '../domain/decimal-arithmetic.js';
import {
  formatInstantMicros,
  MICROS_PER_DAY,
  MICROS_PER_HOUR,
  type Micros,
} from '../domain/instant.js';
import type { StripeAccount } from '../stripe/stripe-account.js';
import { StripeInvoiceList } from '../stripe/stripe-invoice-list.js';
import { StripeInvoices } from '../stripe/stripe-invoices.js';
import type { ReadLane } from './lane.store.js';

export const INVOICE_VERDICTS = [
  'billed',
  'underbilled',
  'overbilled',
  'not_on_an_invoice',
] as const;
export type InvoiceVerdict = (typeof INVOICE_VERDICTS)[number];

/** What Stripe's invoices bill of one lane. */
export interface InvoiceCheck {
  readonly verdict: InvoiceVerdict;
  readonly invoices: readonly string[];
  /** What they bill, in units; null where none does. */
  readonly quantity: string | null;
  /** `quantity` less what was delivered. */
  readonly difference: string | null;
}

/** Stripe may keep a cycle's invoice a draft for 72 hours; until then none says nothing. */
const DRAFT_MAX = 73 * MICROS_PER_HOUR;
/** An invoice is drawn up when the period ends, and may be by hand some days later. */
const DRAWN_UP_WITHIN = 40 * MICROS_PER_DAY;

/** What we know of final invoices that bill the lane's period. */
const KNOWN = `
  SELECT DISTINCT i.invoice_id AS "id"
    FROM invoice_period p
    JOIN stripe_invoice i ON i.tenant_id = $1 AND i.account_id = p.account_id
     AND i.livemode = p.livemode AND i.invoice_id = p.invoice_id
   WHERE p.tenant_id = $1 AND p.account_id = $2 AND p.livemode = $3 AND p.customer_no = $4
     AND p.meter_no = $5 AND p.period_start < $7 AND p.period_end > $6
     AND i.status IN ('open', 'paid', 'uncollectible')
   ORDER BY i.invoice_id`;

/** Holds what was delivered of a period that has ended against what Stripe billed of it. */
@Injectable()
export class InvoiceChecker {
  constructor(
    private readonly db: Database,
    private readonly invoices: StripeInvoices,
    private readonly list: StripeInvoiceList,
  ) {}

  /**
   * @param asks Whether Stripe is asked for invoices that we were not told of.
   * @returns Nothing where there cannot be a final invoice yet.
   * @throws StripeUnavailable
   */
  async check(
    tenantId: string,
    account: StripeAccount,
    lane: ReadLane,
    delivered: string,
    { now, asks }: { readonly now: Micros; readonly asks: boolean },
  ): Promise<InvoiceCheck | null> {
    if (lane.superseded || lane.periodEnd > now) return null;
    let ids = await knownInvoices(this.db.work, tenantId, lane);
    const isKnown = ids.length > 0;
    if (!isKnown && asks) {
      const from = lane.periodEnd - MICROS_PER_HOUR;
      const to = Math.min(now, lane.periodEnd + DRAWN_UP_WITHIN);
      ids = await this.list.finalized(account, lane.stripeCustomerId, { from, to });
    }
    const quantities: string[] = [];
    const billing = new Set<string>();
    for (const id of ids) {
      const invoice = await this.invoices.one(account, id);
      for (const line of invoice?.lines ?? []) {
        const isOfLane =
          line.stripeMeterId === lane.stripeMeterId &&
          line.start >= lane.periodStart &&
          line.end <= lane.periodEnd;
        if (!isOfLane) continue;
        quantities.push(line.quantity);
        billing.add(id);
      }
    }
    // What nobody told us of is kept by whoever keeps what webhooks tell.
    if (!isKnown && billing.size > 0) {
      await wakeInvoices(this.db.work, tenantId, lane, [lane.stripeCustomerId], now);
    }
    if (billing.size > 0) return judge(sumOf(quantities), delivered, [...billing]);
    const isOver = asks && now > lane.periodEnd + DRAFT_MAX;
    if (!isOver) return null;
    return { verdict: 'not_on_an_invoice', invoices: [], quantity: null, difference: null };
  }
}

/** Of less than nothing Stripe bills nothing. */
function judge(quantity: string, delivered: string, invoices: readonly string[]): InvoiceCheck {
  const due = delivered.startsWith('-') ? '0' : delivered;
  const rest = difference(quantity, due);
  const verdict = rest === '0' ? 'billed' : rest.startsWith('-') ? 'underbilled' : 'overbilled';
  return { verdict, invoices, quantity, difference: rest };
}

async function knownInvoices(db: Queryable, tenantId: string, lane: ReadLane): Promise<string[]> {
  const rows = await db.query<{ id: string }>(KNOWN, [
    tenantId,
    lane.accountId,
    lane.livemode,
    lane.customerNo,
    lane.meterNo,
    formatInstantMicros(lane.periodStart),
    formatInstantMicros(lane.periodEnd),
  ]);
  return rows.map(({ id }) => id);
}
