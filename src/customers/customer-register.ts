import type { Queryable } from '../database/connections.js';
import type { GateState } from '../database/gate.js';
import { formatInstant, type Micros } from '../domain/instant.js';
import { Problem } from '../problem/problem.js';
import { billingFactsOf, NO_BILLING_FACTS, type BillingFacts } from './billing-facts.store.js';
import {
  changedSettings,
  isSameSettings,
  refuseRemapping,
  scheduleVersion,
  type CustomerChange,
  type CustomerSettings,
} from './customer-change.js';
import {
  customersById,
  identityOwners,
  stripeCustomerOwners,
  type CustomerRecord,
} from './customer-record.store.js';
import { erasedStripeCustomers } from './erased-stripe-customer.store.js';
import { DEFAULT_TIMELINE, withVersion, type ScheduleVersion } from './schedule-timeline.js';

export type ChangeStatus = 'created' | 'updated' | 'unchanged';

/** A customer that changes: as it was, as it will be. */
export interface ChangedCustomer {
  readonly customerId: string;
  /** Nothing where it is made. */
  readonly before: CustomerRecord | undefined;
  readonly settings: CustomerSettings;
  readonly timeline: CustomerRecord['timeline'];
  /** To be appended to its schedule, in this order. */
  readonly versions: readonly ScheduleVersion[];
}

/**
 * Applies changes of customers in memory, one after the other, so that any number of them is read
 * and written by a handful of statements, and each sees what the ones before it did.
 */
export class CustomerRegister {
  private readonly customers = new Map<string, ChangedCustomer>();
  private readonly changedIds = new Set<string>();

  private constructor(
    records: readonly CustomerRecord[],
    private readonly identities: Map<string, string>,
    private readonly stripeCustomers: Map<string, string>,
    private readonly erased: ReadonlyMap<string, Micros>,
    private readonly facts: ReadonlyMap<number, BillingFacts>,
    private readonly now: Micros,
  ) {
    for (const before of records) {
      const { customerId, timeline } = before;
      this.customers.set(customerId, {
        customerId,
        before,
        settings: before,
        timeline,
        versions: [],
      });
    }
  }

  /** Reads all that the changes are about. What is to be written must be read behind the gate. */
  static async read(
    db: Queryable,
    tenantId: string,
    changes: readonly CustomerChange[],
    gate: GateState,
  ): Promise<CustomerRegister> {
    const ids = [...new Set(changes.map((change) => change.customerId))];
    const records = await customersById(db, tenantId, ids);
    const aliases = changes.flatMap((change) => change.aliases ?? []);
    const stripeCustomerIds = changes.flatMap((change) => change.stripeCustomerId ?? []);
    const rebilled = new Set(
      changes
        .filter((change) => change.stripeCustomerId !== undefined || change.schedule !== undefined)
        .map((change) => change.customerId),
    );
    const rebilledNos = records
      .filter((record) => rebilled.has(record.customerId))
      .map((record) => record.customerNo);
    return new CustomerRegister(
      records,
      await identityOwners(db, tenantId, [...ids, ...aliases]),
      await stripeCustomerOwners(db, tenantId, stripeCustomerIds),
      await erasedStripeCustomers(db, tenantId, stripeCustomerIds, gate.now),
      await billingFactsOf(db, tenantId, rebilledNos, gate),
      Math.max(gate.now, gate.closedThrough, gate.clockClosedThrough),
    );
  }

  /** @throws Problem for a change that cannot be; it leaves no trace. */
  apply(change: CustomerChange): ChangeStatus {
    const { customerId } = change;
    const current = this.customers.get(customerId);
    const settings = changedSettings(current?.settings, change);
    const timeline = current?.timeline ?? DEFAULT_TIMELINE;
    const facts = this.factsOf(current);
    const version = scheduleVersion(timeline, change, facts, this.now);
    if (current !== undefined) {
      if (version === undefined && isSameSettings(current.settings, settings)) return 'unchanged';
      refuseRemapping(current.settings, settings, change, facts);
    }
    this.refuseTaken(customerId, settings);
    this.replace(current?.settings, customerId, settings);
    this.changedIds.add(customerId);
    this.customers.set(customerId, {
      customerId,
      before: current?.before,
      settings,
      timeline: version === undefined ? timeline : withVersion(timeline, version),
      versions: [...(current?.versions ?? []), ...(version === undefined ? [] : [version])],
    });
    return current === undefined ? 'created' : 'updated';
  }

  /** Those that are to be written. */
  changed(): ChangedCustomer[] {
    return [...this.changedIds].map((id) => this.customers.get(id)!);
  }

  private factsOf(customer: ChangedCustomer | undefined): BillingFacts {
    if (customer?.before === undefined) return NO_BILLING_FACTS;
    return this.facts.get(customer.before.customerNo) ?? NO_BILLING_FACTS;
  }

  private refuseTaken(customerId: string, { aliases, stripeCustomerId }: CustomerSettings): void {
    for (const identity of [customerId, ...aliases]) {
      const owner = this.identities.get(identity);
      if (owner === undefined || owner === customerId) continue;
      throw new Problem(
        'customer_identity_in_use',
        `the customer ${owner} goes by ${JSON.stringify(identity)}`,
        { extensions: { identity, customer_id: owner } },
      );
    }
    if (stripeCustomerId === null) return;
    const until = this.erased.get(stripeCustomerId);
    if (until !== undefined) {
      throw new Problem(
        'stripe_customer_erased',
        `usage of an erased customer was pushed to ${stripeCustomerId} lately`,
        { extensions: { until: formatInstant(until) } },
      );
    }
    const owner = this.stripeCustomers.get(stripeCustomerId);
    if (owner === undefined || owner === customerId) return;
    throw new Problem(
      'stripe_customer_id_in_use',
      `the customer ${owner} has the stripe_customer_id ${stripeCustomerId}`,
      { extensions: { customer_id: owner } },
    );
  }

  private replace(
    before: CustomerSettings | undefined,
    customerId: string,
    after: CustomerSettings,
  ): void {
    for (const alias of before?.aliases ?? []) this.identities.delete(alias);
    for (const identity of [customerId, ...after.aliases]) {
      this.identities.set(identity, customerId);
    }
    if (before?.stripeCustomerId) this.stripeCustomers.delete(before.stripeCustomerId);
    if (after.stripeCustomerId) this.stripeCustomers.set(after.stripeCustomerId, customerId);
  }
}
