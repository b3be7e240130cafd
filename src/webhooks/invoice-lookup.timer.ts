import { Injectable } from '@nestjs/common';
import { BackgroundWork } from '../clock/background-work.js';
import type { Turn } from '../clock/loop.js';
import { Config } from '../config/config.js';
import { wakeInvoices } from '../customers/invoice-reading.store.js';
import { Database } from '../database/database.js';
import { readGate } from '../database/gate.js';
import { tenantIds } from '../database/tenant-ids.js';
import { StripeUnavailable } from '../stripe/stripe-account.js';
import { StripeAccounts } from '../stripe/stripe-accounts.js';
import { InvoiceLookup } from './invoice-lookup.js';
import { unreadCustomers } from './unread-invoice.store.js';

const IDLE_MS = 5_000;

/** Tenants with periods that Stripe says the end of. */
const TENANTS = `
  SELECT t.tenant_id AS "tenantId" FROM tenant t
   WHERE EXISTS (SELECT FROM billing_source b WHERE b.tenant_id = t.tenant_id)`;

/**
 * Has invoices looked up that no webhook told of. What is to be sent of a period whose invoice may
 * be final waits for that.
 */
@Injectable()
export class InvoiceLookupTimer extends BackgroundWork {
  constructor(
    private readonly db: Database,
    config: Config,
    private readonly accounts: StripeAccounts,
    private readonly lookup: InvoiceLookup,
  ) {
    super(config, 'invoices', IDLE_MS);
  }

  /** Looks at all of a tenant's that is due, or that something waits for. */
  async lookNow(tenantId: string, isStopping = () => false): Promise<number> {
    const account = await this.accounts.of(tenantId);
    if (account === undefined) return 0;
    const times = await readGate(this.db.work, tenantId);
    const unread = await unreadCustomers(this.db.work, tenantId, times);
    if (unread.length > 0) await wakeInvoices(this.db.work, tenantId, account, unread, times.now);
    return this.lookup.look(tenantId, isStopping);
  }

  async round(isStopping: () => boolean): Promise<Turn> {
    const tenants = await tenantIds(this.db.work, TENANTS);
    return this.forTenants(tenants, isStopping, (tenantId) => this.lookNow(tenantId, isStopping));
  }

  protected override tell(tenantId: string, error: unknown): void {
    if (error instanceof StripeUnavailable) this.logger.warn(`${tenantId}: ${error.message}`);
    else super.tell(tenantId, error);
  }
}
