import type { InvoiceRecord } from './invoice.js';
import type { Price } from './price.js';
import type { Product } from './product.js';
import type { SubscriptionRecord } from './subscription.js';

/** What one account and mode sells and bills, each in order of creation. */
export class BillingBooks {
  readonly products = new Map<string, Product>();
  readonly prices = new Map<string, Price>();
  readonly subscriptions = new Map<string, SubscriptionRecord>();
  readonly invoices = new Map<string, InvoiceRecord>();
  #lastInvoiceNumber = 0;

  nextInvoiceNumber(): number {
    this.#lastInvoiceNumber += 1;
    return this.#lastInvoiceNumber;
  }
}
