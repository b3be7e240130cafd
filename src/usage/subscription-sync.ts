import { Injectable } from '@nestjs/common';
import { Config } from '../config/config.js';
import { periodSourceOf } from '../customers/billing-source.store.js';
import {
  beginReading,
  endReading,
  isNewest,
  knownItems,
  metersSourcedAt,
  writeItems,
  type StripeCustomer,
} from '../customers/subscription-reading.store.js';
import type { Transaction } from '../database/connections.js';
import { Database } from '../database/database.js';
import { behindClosedGate, type GateState } from '../database/gate.js';
import type { BillingPeriod } from '../domain/billing-period.js';
import type { Micros } from '../domain/instant.js';
import { placeAlike, withPastPeriod } from '../domain/item-period.js';
import {
  nextReadAt,
  withObservation,
  type KnownItem,
  type ObservedItem,
} from '../domain/known-item.js';
import type { StripeAccount } from '../stripe/stripe-account.js';
import { StripeMeters } from '../stripe/stripe-meters.js';
import { StripeSubscriptions, type ReadSubscription } from '../stripe/stripe-subscriptions.js';
import { reshapePeriods } from './reshape-periods.js';

/** How often a reading is made again because another one was written meanwhile. */
const READINGS_MAX = 6;

/** A period of an item that an invoice bills. */
export interface InvoicedPeriod extends BillingPeriod {
  readonly itemId: string;
}

export interface SyncOutcome {
  /** Periods of ours were brought into another shape. */
  readonly reshaped: number;
  readonly subscriptions: readonly ReadSubscription[];
}

/** One state of knowledge on its way into the tables. */
interface Observation {
  readonly version: number;
  readonly readAt: Micros;
  readonly observed: readonly ObservedItem[];
  readonly invoiced: readonly InvoicedPeriod[];
}

/**
 * Keeps what is known of the subscriptions of Stripe customers, and our periods in their shape.
 *
 * A reading is written only if none was written since it began, else it is made again: so what is
 * known never goes back, in whatever order and however often it is asked for.
 */
@Injectable()
export class SubscriptionSync {
  constructor(
    private readonly db: Database,
    private readonly config: Config,
    private readonly subscriptions: StripeSubscriptions,
    private readonly meters: StripeMeters,
  ) {}

  /**
   * Reads all subscriptions of a Stripe customer.
   *
   * @param also An event name that is to be looked for, though no meter's periods come from there yet.
   * @param invoiced Periods that are over, as an invoice names them.
   * @throws StripeUnavailable where Stripe does not answer, or not now.
   */
  async read(
    tenantId: string,
    account: StripeAccount,
    stripeCustomerId: string,
    {
      also = null,
      invoiced = [],
    }: { also?: string | null; invoiced?: readonly InvoicedPeriod[] } = {},
  ): Promise<SyncOutcome> {
    const { accountId, livemode } = account;
    const customer = { accountId, livemode, stripeCustomerId };
    const names = await this.eventNames(tenantId, account, stripeCustomerId, also);
    for (let attempt = 1; attempt <= READINGS_MAX; attempt++) {
      const { version, readAt } = await beginReading(this.db.work, tenantId, customer);
      const subscriptions = await this.fetch(tenantId, account, customer);
      const observed = subscriptions.flatMap(({ items }) =>
        items.map((item) => toObserved(item, names.get(item.stripeMeterId) ?? null)),
      );
      const observation = { version, readAt, observed, invoiced };
      const reshaped = await this.write(tenantId, customer, observation);
      if (reshaped !== 'outdated') return { reshaped, subscriptions };
    }
    throw new Error(`subscriptions of ${stripeCustomerId} kept changing while they were read`);
  }

  /** Without the gate where every instant stays in its period, as at nearly every renewal. */
  private async write(
    tenantId: string,
    customer: StripeCustomer,
    observation: Observation,
  ): Promise<number | 'outdated'> {
    const quiet = await this.db.work.transaction(async (tx) => {
      if (!(await isNewest(tx, tenantId, customer, observation.version))) return 'outdated';
      const known = await knownItems(tx, tenantId, customer);
      const items = merged(known, observation);
      if (!staysInPlace(known, items)) return 'moves';
      await this.keep(tx, tenantId, customer, items, observation);
      return 0;
    });
    if (quiet !== 'moves') return quiet;
    return behindClosedGate(this.db.work, tenantId, async (tx, gate) => {
      if (!(await isNewest(tx, tenantId, customer, observation.version))) return 'outdated';
      const items = merged(await knownItems(tx, tenantId, customer), observation);
      await this.keep(tx, tenantId, customer, items, observation);
      return this.reshape(tx, tenantId, customer, gate);
    });
  }

  private async keep(
    tx: Transaction,
    tenantId: string,
    customer: StripeCustomer,
    items: readonly KnownItem[],
    { readAt }: Observation,
  ): Promise<void> {
    await writeItems(tx, tenantId, customer, items);
    await endReading(tx, tenantId, customer, { readAt, nextReadAt: nextReadAt(items, readAt) });
  }

  private async reshape(
    tx: Transaction,
    tenantId: string,
    { stripeCustomerId }: StripeCustomer,
    gate: GateState,
  ): Promise<number> {
    let reshaped = 0;
    for (const key of await metersSourcedAt(tx, tenantId, stripeCustomerId)) {
      const source = await periodSourceOf(tx, tenantId, key);
      const grace = this.config.CLOSE_GRACE_SECONDS;
      if (await reshapePeriods(tx, tenantId, key, source, gate, grace)) reshaped++;
    }
    return reshaped;
  }

  /** What the list leaves out though it was live is asked for by its id: it says when it ended. */
  private async fetch(
    tenantId: string,
    account: StripeAccount,
    customer: StripeCustomer,
  ): Promise<ReadSubscription[]> {
    const listed = await this.subscriptions.ofCustomer(account, customer.stripeCustomerId);
    const known = await knownItems(this.db.work, tenantId, customer);
    const live = new Set(
      known.filter(({ isLive }) => isLive).map(({ subscriptionId }) => subscriptionId),
    );
    for (const { object } of listed) live.delete(object.id);
    for (const id of live) {
      const found = await this.subscriptions.one(account, id);
      if (found !== undefined) listed.push(found);
    }
    return listed;
  }

  /** Our event names by Stripe meter. */
  private async eventNames(
    tenantId: string,
    account: StripeAccount,
    stripeCustomerId: string,
    also: string | null,
  ): Promise<Map<string, string>> {
    const sourced = await metersSourcedAt(this.db.work, tenantId, stripeCustomerId);
    const wanted = new Set([...sourced.map(({ eventName }) => eventName), also]);
    const names = new Map<string, string>();
    for (const name of wanted) {
      if (name === null) continue;
      const meter = await this.meters.find(tenantId, account, name);
      if (meter !== undefined) names.set(meter.stripeMeterId, name);
    }
    return names;
  }
}

function merged(known: readonly KnownItem[], observation: Observation): KnownItem[] {
  const { observed, invoiced, readAt } = observation;
  return withObservation(known, observed, readAt).map((item) => ({
    ...item,
    periods: invoiced
      .filter(({ itemId }) => itemId === item.itemId)
      .reduce<readonly BillingPeriod[]>(
        (periods, { start, end }) => withPastPeriod(periods, { start, end }),
        item.periods,
      ),
  }));
}

/** Each Stripe meter by itself: items of different ones do not meet. */
function staysInPlace(known: readonly KnownItem[], items: readonly KnownItem[]): boolean {
  const meterIds = new Set([...known, ...items].map(({ stripeMeterId }) => stripeMeterId));
  return [...meterIds].every((id) => {
    const before = known.filter(({ stripeMeterId }) => stripeMeterId === id);
    const after = items.filter(({ stripeMeterId }) => stripeMeterId === id);
    const isSameName = after.every(({ itemId, eventName }) =>
      before.some((each) => each.itemId === itemId && each.eventName === eventName),
    );
    return isSameName && placeAlike(before, after);
  });
}

function toObserved(
  { interval, intervalCount, anchor, ...item }: ReadSubscription['items'][number],
  eventName: string | null,
): ObservedItem {
  return { ...item, eventName, schedule: { interval, intervalCount, anchor, timezone: 'UTC' } };
}
