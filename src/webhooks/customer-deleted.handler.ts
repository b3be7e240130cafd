import { Injectable } from '@nestjs/common';
import { metersSourcedAt } from '../customers/subscription-reading.store.js';
import { Database } from '../database/database.js';
import type { StripeAccount } from '../stripe/stripe-account.js';
import { StripeSubscriptions } from '../stripe/stripe-subscriptions.js';
import { SubscriptionSync } from '../usage/subscription-sync.js';
import { markCustomerDeleted } from './deleted-customer.store.js';
import { StripeEventHandler, type HandlerResult, type InboxEvent } from './stripe-event-handler.js';

/**
 * A customer that is deleted at Stripe gets no more invoices, for ever: what is not pushed of its
 * usage is unbillable, until our customer is mapped to another one.
 */
@Injectable()
export class CustomerDeletedHandler extends StripeEventHandler {
  readonly types = ['customer.deleted'] as const;

  constructor(
    private readonly db: Database,
    private readonly subscriptions: StripeSubscriptions,
    private readonly sync: SubscriptionSync,
  ) {
    super();
  }

  async handle(event: InboxEvent, account: StripeAccount): Promise<HandlerResult> {
    const { tenantId, objectId } = event;
    if (objectId === null) return { outcome: 'ignored', effects: [] };
    const { accountId, livemode } = account;
    if (!(await this.subscriptions.isCustomerDeleted(account, objectId))) {
      return { outcome: 'ignored', effects: [{ kind: 'ignored', reason: 'customer_is_there' }] };
    }
    const customer = { accountId, livemode, stripeCustomerId: objectId };
    const sourced = await metersSourcedAt(this.db.work, tenantId, objectId);
    if (sourced.length > 0) await this.sync.read(tenantId, account, objectId);
    const periods = await this.db.work.transaction((tx) =>
      markCustomerDeleted(tx, tenantId, customer),
    );
    return {
      outcome: 'done',
      effects: [{ kind: 'customer_deleted', customer: objectId, periods }],
    };
  }
}
