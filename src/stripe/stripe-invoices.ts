import { Injectable } from '@nestjs/common';
import { Big } from 'big.js';
import { LRUCache } from 'lru-cache';
import Stripe from 'stripe';
import { MICROS_PER_SECOND, type Micros } from '../domain/instant.js';
import { StripeUnavailable, type StripeAccount } from './stripe-account.js';
import { StripeReads } from './stripe-reads.js';

/** A line of an invoice that bills the usage of a meter. */
export interface MeteredLine {
  readonly itemId: string;
  readonly stripeMeterId: string;
  /** Half-open: what it bills. */
  readonly start: Micros;
  readonly end: Micros;
  /** Canonical decimal. */
  readonly quantity: string;
}

export const INVOICE_STATUSES = ['draft', 'open', 'paid', 'uncollectible', 'void'] as const;
export type InvoiceStatus = (typeof INVOICE_STATUSES)[number];

export interface ReadInvoice {
  readonly invoiceId: string;
  readonly stripeCustomerId: string | null;
  readonly status: InvoiceStatus;
  readonly createdAt: Micros;
  /** When the draft becomes final by itself; null: not, or it is final. */
  readonly finalizesAt: Micros | null;
  readonly finalizedAt: Micros | null;
  readonly lines: readonly MeteredLine[];
  /** As it was fetched. */
  readonly object: Stripe.Invoice;
}

const PAGE_SIZE = 100;
/** Which meter a price counts never changes. */
const PRICES_MAX = 10_000;

/** What Stripe says of invoices. Never an event's body: that may be old, and in any order. */
@Injectable()
export class StripeInvoices {
  /** The meter of a price, or none, by account and price. */
  private readonly meterOfPrice = new LRUCache<string, { meter: string | null }>({
    max: PRICES_MAX,
  });

  constructor(private readonly reads: StripeReads) {}

  /**
   * @returns Nothing where the account has no such invoice: a draft may be deleted.
   * @throws StripeUnavailable where Stripe does not answer, or not now.
   */
  async one(account: StripeAccount, id: string): Promise<ReadInvoice | undefined> {
    const invoice = await this.read(account, () => account.client.invoices.retrieve(id));
    return invoice === undefined ? undefined : this.whole(account, invoice);
  }

  /**
   * Those of a customer that were drawn up at `from` or later, whatever their status.
   *
   * @throws StripeUnavailable where Stripe does not answer, or not now.
   */
  async drawnUp(
    account: StripeAccount,
    stripeCustomerId: string,
    from: Micros,
  ): Promise<ReadInvoice[]> {
    const invoices: ReadInvoice[] = [];
    let after: string | undefined;
    do {
      const params: Stripe.InvoiceListParams = {
        customer: stripeCustomerId,
        created: { gte: Math.floor(from / MICROS_PER_SECOND) },
        limit: PAGE_SIZE,
        ...(after !== undefined && { starting_after: after }),
      };
      const page = await this.read(account, () => account.client.invoices.list(params));
      for (const invoice of page?.data ?? []) invoices.push(await this.whole(account, invoice));
      after = page?.has_more === true ? page.data.at(-1)?.id : undefined;
    } while (after !== undefined);
    return invoices;
  }

  private async whole(account: StripeAccount, invoice: Stripe.Invoice): Promise<ReadInvoice> {
    const { customer, automatically_finalizes_at: finalizesAt, status_transitions } = invoice;
    const finalizedAt = status_transitions.finalized_at;
    const lines: MeteredLine[] = [];
    for (const line of await this.lines(account, invoice)) {
      lines.push(...(await this.meteredLine(account, line)));
    }
    return {
      invoiceId: invoice.id,
      stripeCustomerId: typeof customer === 'string' ? customer : (customer?.id ?? null),
      status: (invoice.status ?? 'draft') as InvoiceStatus,
      createdAt: invoice.created * MICROS_PER_SECOND,
      finalizesAt: finalizesAt === null ? null : finalizesAt * MICROS_PER_SECOND,
      finalizedAt: finalizedAt === null ? null : finalizedAt * MICROS_PER_SECOND,
      lines,
      object: invoice,
    };
  }

  /** An invoice shows ten lines at most. */
  private async lines(
    account: StripeAccount,
    { id, lines: first }: Stripe.Invoice,
  ): Promise<Stripe.InvoiceLineItem[]> {
    const lines = [...first.data];
    let hasMore = first.has_more;
    while (hasMore) {
      const params: Stripe.InvoiceListLineItemsParams = {
        limit: PAGE_SIZE,
        ...(lines.length > 0 && { starting_after: lines.at(-1)!.id }),
      };
      const page = await this.read(account, () =>
        account.client.invoices.listLineItems(id, params),
      );
      lines.push(...(page?.data ?? []));
      hasMore = page?.has_more ?? false;
    }
    return lines;
  }

  private async meteredLine(
    account: StripeAccount,
    line: Stripe.InvoiceLineItem,
  ): Promise<MeteredLine[]> {
    const { parent, pricing, period } = line;
    const itemId = parent?.subscription_item_details?.subscription_item;
    const price = pricing?.price_details?.price;
    if (itemId === undefined || price === undefined || period.end <= period.start) return [];
    const priceId = typeof price === 'string' ? price : price.id;
    const stripeMeterId = await this.meterOf(account, priceId);
    if (stripeMeterId === null) return [];
    const { start, end } = period;
    return [
      {
        itemId,
        stripeMeterId,
        start: start * MICROS_PER_SECOND,
        end: end * MICROS_PER_SECOND,
        quantity: quantityOf(line),
      },
    ];
  }

  private async meterOf(account: StripeAccount, priceId: string): Promise<string | null> {
    const key = `${account.accountId} ${account.livemode} ${priceId}`;
    const known = this.meterOfPrice.get(key);
    if (known !== undefined) return known.meter;
    const price = await this.read(account, () => account.client.prices.retrieve(priceId));
    const { recurring } = price ?? { recurring: null };
    const meter = recurring?.usage_type === 'metered' ? recurring.meter : null;
    this.meterOfPrice.set(key, { meter });
    return meter;
  }

  private async read<T>(account: StripeAccount, call: () => Promise<T>): Promise<T | undefined> {
    await this.reads.turn(account, 'check');
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof Stripe.errors.StripeError)) throw error;
      if (error.statusCode === 404) return undefined;
      throw new StripeUnavailable(`Stripe did not show its invoices: ${error.message}`, {
        cause: error,
      });
    }
  }
}

/** `quantity` is cut to a whole number. */
function quantityOf({ quantity, quantity_decimal: exact }: Stripe.InvoiceLineItem): string {
  return new Big(String(exact ?? quantity ?? 0)).toFixed();
}
