import { Injectable } from '@nestjs/common';
import Stripe from 'stripe';
import { MICROS_PER_SECOND, type Micros } from '../domain/instant.js';
import { StripeUnavailable, type StripeAccount } from './stripe-account.js';
import { StripeReads } from './stripe-reads.js';

/** A metered item of a subscription, as Stripe has it now. */
export interface MeteredItem {
  readonly itemId: string;
  readonly subscriptionId: string;
  readonly stripeMeterId: string;
  readonly startsAt: Micros;
  /** When it ended, or is going to; null where it goes on. */
  readonly endsAt: Micros | null;
  /** Its subscription is not canceled. */
  readonly isLive: boolean;
  readonly interval: 'day' | 'week' | 'month' | 'year';
  readonly intervalCount: number;
  readonly anchor: Micros;
  readonly currentPeriod: { readonly start: Micros; readonly end: Micros };
}

export interface ReadSubscription {
  readonly stripeCustomerId: string;
  readonly items: readonly MeteredItem[];
  /** As it was fetched. */
  readonly object: Stripe.Subscription;
}

const PAGE_SIZE = 100;
/** An item that was made with its subscription is as old as it, but for the second's turn. */
const TOGETHER_SECONDS = 60;

/** What Stripe says of subscriptions. Never an event's body: that may be old, and in any order. */
@Injectable()
export class StripeSubscriptions {
  constructor(private readonly reads: StripeReads) {}

  /**
   * @returns Nothing where the account has no such subscription.
   * @throws StripeUnavailable where Stripe does not answer, or not now.
   */
  async one(account: StripeAccount, id: string): Promise<ReadSubscription | undefined> {
    const subscription = await this.read(account, () => account.client.subscriptions.retrieve(id));
    return subscription === undefined ? undefined : this.whole(account, subscription);
  }

  /**
   * All subscriptions of a customer, those that ended too.
   *
   * @throws StripeUnavailable where Stripe does not answer, or not now.
   */
  async ofCustomer(account: StripeAccount, stripeCustomerId: string): Promise<ReadSubscription[]> {
    const subscriptions: ReadSubscription[] = [];
    let after: string | undefined;
    do {
      const params: Stripe.SubscriptionListParams = {
        customer: stripeCustomerId,
        status: 'all',
        limit: PAGE_SIZE,
        ...(after !== undefined && { starting_after: after }),
      };
      const page = await this.read(account, () => account.client.subscriptions.list(params));
      if (page === undefined) break;
      for (const subscription of page.data) {
        subscriptions.push(await this.whole(account, subscription));
      }
      after = page.has_more ? page.data.at(-1)?.id : undefined;
    } while (after !== undefined);
    return subscriptions;
  }

  /** Whether the customer is deleted, or never was. */
  async isCustomerDeleted(account: StripeAccount, stripeCustomerId: string): Promise<boolean> {
    const customer = await this.read(account, () =>
      account.client.customers.retrieve(stripeCustomerId),
    );
    return customer === undefined || customer.deleted === true;
  }

  /** A subscription shows ten items at most. */
  private async whole(
    account: StripeAccount,
    subscription: Stripe.Subscription,
  ): Promise<ReadSubscription> {
    const items = [...subscription.items.data];
    let hasMore = subscription.items.has_more;
    while (hasMore) {
      const params: Stripe.SubscriptionItemListParams = {
        subscription: subscription.id,
        limit: PAGE_SIZE,
        ...(items.length > 0 && { starting_after: items.at(-1)!.id }),
      };
      const page = await this.read(account, () => account.client.subscriptionItems.list(params));
      items.push(...(page?.data ?? []));
      hasMore = page?.has_more ?? false;
    }
    const { customer } = subscription;
    return {
      stripeCustomerId: typeof customer === 'string' ? customer : customer.id,
      items: subscription.status === 'incomplete_expired' ? [] : meteredItems(subscription, items),
      object: subscription,
    };
  }

  private async read<T>(account: StripeAccount, call: () => Promise<T>): Promise<T | undefined> {
    await this.reads.turn(account, 'check');
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof Stripe.errors.StripeError)) throw error;
      if (error.statusCode === 404 || error.code === 'resource_missing') return undefined;
      throw new StripeUnavailable(`Stripe did not show its subscriptions: ${error.message}`, {
        cause: error,
      });
    }
  }
}

function meteredItems(
  subscription: Stripe.Subscription,
  items: readonly Stripe.SubscriptionItem[],
): MeteredItem[] {
  return items.flatMap((item) => {
    const { recurring } = item.price;
    if (recurring?.usage_type !== 'metered' || !recurring.meter) return [];
    return [
      {
        itemId: item.id,
        subscriptionId: subscription.id,
        stripeMeterId: recurring.meter,
        startsAt: micros(startOf(subscription, item)),
        endsAt: endOf(subscription, item),
        isLive: subscription.status !== 'canceled',
        interval: recurring.interval as MeteredItem['interval'],
        intervalCount: recurring.interval_count,
        anchor: micros(subscription.billing_cycle_anchor),
        currentPeriod: {
          start: micros(item.current_period_start),
          end: micros(item.current_period_end),
        },
      },
    ];
  });
}

/** A subscription may be dated back, and its first items with it; one added later may not. */
function startOf(subscription: Stripe.Subscription, item: Stripe.SubscriptionItem): number {
  const isAddedLater = item.created - subscription.created > TOGETHER_SECONDS;
  const start = isAddedLater ? item.created : subscription.start_date;
  return Math.min(start, item.current_period_start);
}

function endOf(subscription: Stripe.Subscription, item: Stripe.SubscriptionItem): Micros | null {
  const atPeriodEnd = subscription.cancel_at_period_end ? item.current_period_end : null;
  const end = subscription.ended_at ?? subscription.cancel_at ?? atPeriodEnd;
  return end === null ? null : micros(end);
}

function micros(seconds: number): Micros {
  return seconds * MICROS_PER_SECOND;
}
