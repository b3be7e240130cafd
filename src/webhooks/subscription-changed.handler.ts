import { Injectable } from '@nestjs/common';
import { metersSourcedAt } from '../customers/subscription-reading.store.js';
import { Database } from '../database/database.js';
import type { StripeAccount } from '../stripe/stripe-account.js';
import { StripeSubscriptions } from '../stripe/stripe-subscriptions.js';
import { SubscriptionSync } from '../usage/subscription-sync.js';
import { StripeEventHandler, type HandlerResult, type InboxEvent } from './stripe-event-handler.js';

/**
 * Something changed about a subscription: all of its customer's are read, so that neither the order
 * of the events nor how often each comes makes a difference.
 */
@Injectable()
export class SubscriptionChangedHandler extends StripeEventHandler {
  readonly types = [
    'customer.subscription.created',
    'customer.subscription.updated',
    'customer.subscription.deleted',
    'customer.subscription.paused',
    'customer.subscription.resumed',
    'customer.subscription.pending_update_applied',
  ] as const;

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
    const found = await this.subscriptions.one(account, objectId);
    if (found === undefined) {
      return { outcome: 'ignored', effects: [{ kind: 'ignored', reason: 'no_such_subscription' }] };
    }
    const { stripeCustomerId, object: fetched } = found;
    const sourced = await metersSourcedAt(this.db.work, tenantId, stripeCustomerId);
    if (sourced.length === 0) {
      const effects = [{ kind: 'ignored', reason: 'no_periods_from_stripe' }];
      return { outcome: 'ignored', effects, fetched };
    }
    const { reshaped } = await this.sync.read(tenantId, account, stripeCustomerId);
    const effects = [{ kind: 'subscriptions_read', customer: stripeCustomerId, reshaped }];
    return { outcome: 'done', effects, fetched };
  }
}
