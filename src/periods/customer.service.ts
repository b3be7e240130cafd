import { Injectable } from '@nestjs/common';
import { audit } from '../access/audit/audit.js';
import { Config } from '../config/config.js';
import { periodSourcesOf } from '../customers/billing-source.store.js';
import { customersWithUsage } from '../customers/billing-facts.store.js';
import {
  customerByIdentity,
  customersAfter,
  type CustomerRecord,
} from '../customers/customer-record.store.js';
import { auditedCustomer } from '../customers/customer-audit.js';
import { CustomerRegister, type ChangeStatus } from '../customers/customer-register.js';
import type { CustomerChange } from '../customers/customer-change.js';
import { writeCustomers } from '../customers/customer-write.store.js';
import type { Transaction } from '../database/connections.js';
import { Database } from '../database/database.js';
import { behindClosedGate, readGate, type GateState } from '../database/gate.js';
import { toPage, type Page, type PageRequest } from '../database/page.js';
import { isStorableText } from '../domain/text.js';
import { Problem } from '../problem/problem.js';
import { moveUsage } from '../usage/move-usage.js';
import { reshapePeriods } from '../usage/reshape-periods.js';

/** What became of one change. */
export type ChangeOutcome =
  { readonly status: ChangeStatus } | { readonly status: 'rejected'; readonly problem: Problem };

@Injectable()
export class CustomerService {
  constructor(
    private readonly db: Database,
    private readonly config: Config,
  ) {}

  /** @throws Problem where the change is rejected. */
  async put(
    tenantId: string,
    change: CustomerChange,
  ): Promise<{ readonly customer: CustomerRecord; readonly created: boolean }> {
    const [outcome] = await this.putMany(tenantId, [change]);
    if (outcome!.status === 'rejected') throw outcome!.problem;
    const customer = await this.get(tenantId, change.customerId);
    return { customer, created: outcome!.status === 'created' };
  }

  /**
   * Applies changes in order, in one transaction; a rejected one harms no other. Changes that
   * change nothing take no gate, so that recording does not feel a nightly import of all customers.
   *
   * A change of schedule that holds from the beginning moves the customer's usage.
   */
  async putMany(tenantId: string, changes: readonly CustomerChange[]): Promise<ChangeOutcome[]> {
    const gate = await readGate(this.db.work, tenantId);
    const glance = await CustomerRegister.read(this.db.work, tenantId, changes, gate);
    const expected = changes.map((change) => outcomeOf(glance, change));
    if (glance.changed().length === 0) return expected;

    return behindClosedGate(this.db.work, tenantId, async (tx, closedGate) => {
      const register = await CustomerRegister.read(tx, tenantId, changes, closedGate);
      const outcomes = changes.map((change) => outcomeOf(register, change));
      await this.write(tx, tenantId, register, closedGate);
      return outcomes;
    });
  }

  async get(tenantId: string, identity: string): Promise<CustomerRecord> {
    const customer = isStorableText(identity)
      ? await customerByIdentity(this.db.work, tenantId, identity)
      : undefined;
    if (customer === undefined) {
      throw new Problem('customer_not_found', `no customer goes by ${JSON.stringify(identity)}`);
    }
    return customer;
  }

  /** @param isMapped With, without, or whether or not they have a Stripe customer. */
  async list(
    tenantId: string,
    isMapped: boolean | undefined,
    page: PageRequest,
  ): Promise<Page<CustomerRecord>> {
    const query = { after: page.after?.[0] ?? '', limit: page.limit + 1, isMapped };
    const customers = await customersAfter(this.db.work, tenantId, query);
    return toPage(customers, page, (customer) => [customer.customerId]);
  }

  private async write(
    tx: Transaction,
    tenantId: string,
    register: CustomerRegister,
    gate: GateState,
  ): Promise<void> {
    const written = await writeCustomers(tx, tenantId, register.changed(), gate);
    const moved = written.filter(
      ({ before, versions }) =>
        before !== undefined && versions.some((version) => version.effectiveFrom === 0),
    );
    const numbers = moved.map((customer) => customer.customerNo);
    const used = await customersWithUsage(tx, tenantId, numbers);
    for (const { customerNo, timeline } of moved) {
      if (!used.has(customerNo)) continue;
      await moveUsage(tx, tenantId, customerNo, timeline, this.config.CLOSE_GRACE_SECONDS);
    }
    await this.reshapeSourced(tx, tenantId, numbers, gate);
    await audit(tx, tenantId, register.changed().map(auditedCustomer));
  }

  /** Meters whose periods Stripe says keep those, and what lies between them follows the schedule. */
  private async reshapeSourced(
    tx: Transaction,
    tenantId: string,
    customerNos: readonly number[],
    gate: GateState,
  ): Promise<void> {
    const grace = this.config.CLOSE_GRACE_SECONDS;
    for (const [customerNo, byMeter] of await periodSourcesOf(tx, tenantId, customerNos)) {
      for (const [meterNo, source] of byMeter) {
        await reshapePeriods(tx, tenantId, { customerNo, meterNo }, source, gate, grace);
      }
    }
  }
}

function outcomeOf(register: CustomerRegister, change: CustomerChange): ChangeOutcome {
  try {
    return { status: register.apply(change) };
  } catch (problem) {
    if (problem instanceof Problem) return { status: 'rejected', problem };
    throw problem;
  }
}
