import { Injectable } from '@nestjs/common';
import { audit } from '../access/audit/audit.js';
import { Config } from '../config/config.js';
import {
  appendSource,
  periodSourceOf,
  sourceFactsOf,
  type SourceFacts,
} from '../customers/billing-source.store.js';
import { customerByIdentity } from '../customers/customer-record.store.js';
import { requireCustomer } from '../customers/require-customer.js';
import { Database } from '../database/database.js';
import { behindClosedGate, readGate, type GateState } from '../database/gate.js';
import type { Micros } from '../domain/instant.js';
import {
  latestSource,
  periodOfSource,
  type BillingSource,
  type PeriodSource,
} from '../domain/period-source.js';
import { requireMeter } from '../meters/require-meter.js';
import { Problem } from '../problem/problem.js';
import { StripeUnavailable } from '../stripe/stripe-account.js';
import { StripeAccounts } from '../stripe/stripe-accounts.js';
import { reshapePeriods } from '../usage/reshape-periods.js';
import { SubscriptionSync } from '../usage/subscription-sync.js';
import { fromBillingSource, type BillingSourceAnswer } from './billing-source.dto.js';

/** Chooses where the billing periods of a customer and a meter come from. */
@Injectable()
export class BillingSourceService {
  constructor(
    private readonly db: Database,
    private readonly config: Config,
    private readonly accounts: StripeAccounts,
    private readonly sync: SubscriptionSync,
  ) {}

  async get(tenantId: string, customerId: string, meter: string): Promise<BillingSourceAnswer> {
    const { customerNo } = await requireCustomer(this.db.work, tenantId, customerId);
    const { meterNo } = await requireMeter(this.db.work, tenantId, meter);
    const source = await periodSourceOf(this.db.work, tenantId, { customerNo, meterNo });
    const { now } = await readGate(this.db.work, tenantId);
    const customer = await customerByIdentity(this.db.work, tenantId, customerId);
    return fromBillingSource(customer!.customerId, meter, source, now);
  }

  /**
   * From the beginning where nothing was closed and Stripe got nothing, and then the usage moves
   * with it; else from the end of the open period, or of the last one that already has usage.
   *
   * @throws Problem `stripe_unavailable` where Stripe does not show the customer's subscriptions.
   */
  async put(
    tenantId: string,
    customerId: string,
    meter: string,
    wanted: BillingSource,
  ): Promise<BillingSourceAnswer> {
    const { customerNo } = await requireCustomer(this.db.work, tenantId, customerId);
    const { meterNo, stripeEventName } = await requireMeter(this.db.work, tenantId, meter);
    const key = { customerNo, meterNo };
    if (wanted === 'stripe') await this.readSubscriptions(tenantId, customerId, stripeEventName);
    const before = await periodSourceOf(this.db.work, tenantId, key);
    if (latestSource(before.segments) !== wanted) {
      await behindClosedGate(this.db.work, tenantId, async (tx, gate) => {
        const current = await periodSourceOf(tx, tenantId, key);
        if (latestSource(current.segments) === wanted) return;
        const facts = await sourceFactsOf(tx, tenantId, key);
        const effectiveFrom = effectiveFromOf(current, facts, gate);
        await appendSource(tx, tenantId, key, { source: wanted, effectiveFrom });
        const source = await periodSourceOf(tx, tenantId, key);
        await reshapePeriods(tx, tenantId, key, source, gate, this.config.CLOSE_GRACE_SECONDS);
        const id = (await customerByIdentity(tx, tenantId, customerId))!.customerId;
        await audit(tx, tenantId, {
          action: 'billing_source.changed',
          subject: `customer:${id}`,
          before: fromBillingSource(id, meter, current, gate.now),
          after: fromBillingSource(id, meter, source, gate.now),
        });
      });
    }
    return this.get(tenantId, customerId, meter);
  }

  /** Where the customer is not mapped yet, the worker reads them once it is. */
  private async readSubscriptions(
    tenantId: string,
    customerId: string,
    eventName: string | null,
  ): Promise<void> {
    const customer = await customerByIdentity(this.db.work, tenantId, customerId);
    if (customer?.stripeCustomerId == null) return;
    try {
      const account = await this.accounts.of(tenantId);
      if (account === undefined) return;
      await this.sync.read(tenantId, account, customer.stripeCustomerId, { also: eventName });
    } catch (error) {
      if (!(error instanceof StripeUnavailable)) throw error;
      throw new Problem('stripe_unavailable', error.message, { cause: error });
    }
  }
}

function effectiveFromOf(
  source: PeriodSource,
  { hasClosedPeriod, hasDelivery, lastPeriodEnd }: SourceFacts,
  gate: GateState,
): Micros {
  if (!hasClosedPeriod && !hasDelivery) return -Infinity;
  const now = Math.max(gate.now, gate.closedThrough, gate.clockClosedThrough);
  return Math.max(periodOfSource(source, now).end, lastPeriodEnd ?? 0);
}
