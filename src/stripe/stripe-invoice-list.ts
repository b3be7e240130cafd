import { Injectable } from '@nestjs/common';
import Stripe from 'stripe';
import { MICROS_PER_SECOND, type Micros } from '../domain/instant.js';
import { StripeUnavailable, type StripeAccount } from './stripe-account.js';
import { StripeReads } from './stripe-reads.js';

const PAGE_SIZE = 100;

/** Which invoices a customer got. */
@Injectable()
export class StripeInvoiceList {
  constructor(private readonly reads: StripeReads) {}

  /**
   * The ids of those that were drawn up in `[from, to)` and are final, and not void.
   *
   * @throws StripeUnavailable
   */
  async finalized(
    account: StripeAccount,
    stripeCustomerId: string,
    { from, to }: { readonly from: Micros; readonly to: Micros },
  ): Promise<string[]> {
    const ids: string[] = [];
    let after: string | undefined;
    do {
      await this.reads.turn(account, 'check');
      const page = await this.page(account, {
        customer: stripeCustomerId,
        created: {
          gte: Math.floor(from / MICROS_PER_SECOND),
          lt: Math.ceil(to / MICROS_PER_SECOND),
        },
        limit: PAGE_SIZE,
        ...(after !== undefined && { starting_after: after }),
      });
      ids.push(...page.data.filter(isFinal).map(({ id }) => id));
      after = page.has_more ? page.data.at(-1)?.id : undefined;
    } while (after !== undefined);
    return ids;
  }

  private async page(
    { client }: StripeAccount,
    params: Stripe.InvoiceListParams,
  ): Promise<Stripe.ApiList<Stripe.Invoice>> {
    try {
      return await client.invoices.list(params);
    } catch (error) {
      if (!(error instanceof Stripe.errors.StripeError)) throw error;
      throw new StripeUnavailable(`Stripe did not list its invoices: ${error.message}`, {
        cause: error,
      });
    }
  }
}

function isFinal({ status }: Stripe.Invoice): boolean {
  return status !== null && status !== 'draft' && status !== 'void';
}
