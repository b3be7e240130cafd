import {
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { Loop, type Turn } from '../clock/loop.js';
import { Config } from '../config/config.js';
import { wakeInvoices } from '../customers/invoice-reading.store.js';
import { Database } from '../database/database.js';
import { readGate } from '../database/gate.js';
import { withinTenant } from '../database/tenant-scope.js';
import { StripeUnavailable } from '../stripe/stripe-account.js';
import { StripeAccounts } from '../stripe/stripe-accounts.js';
import { InvoiceLookup } from './invoice-lookup.js';
import { unreadCustomers } from './unread-invoice.store.js';

const IDLE_MS = 5_000;
/** How long a tenant is left alone whose Stripe does not answer. */
const TROUBLE_PAUSE_MS = 60_000;

/** Tenants with periods that Stripe says the end of. */
const TENANTS = `
  SELECT t.tenant_id AS "tenantId" FROM tenant t
   WHERE EXISTS (SELECT FROM billing_source b WHERE b.tenant_id = t.tenant_id)`;

/**
 * Has invoices looked up that no webhook told of. What is to be sent of a period whose invoice may
 * be final waits for that.
 */
@Injectable()
export class InvoiceLookupTimer implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger(InvoiceLookupTimer.name);
  private readonly loop = new Loop('invoices', IDLE_MS, (isStopping) => this.round(isStopping));
  private readonly troubledUntil = new Map<string, number>();

  constructor(
    private readonly db: Database,
    private readonly config: Config,
    private readonly accounts: StripeAccounts,
    private readonly lookup: InvoiceLookup,
  ) {}

  onApplicationBootstrap(): void {
    if (this.config.ROLE !== 'api') this.loop.start();
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.loop.stop();
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

  private async round(isStopping: () => boolean): Promise<Turn> {
    const tenants = await this.db.work.query<{ tenantId: string }>(TENANTS);
    for (const { tenantId } of tenants) {
      if (isStopping()) break;
      if ((this.troubledUntil.get(tenantId) ?? 0) > Date.now()) continue;
      try {
        await withinTenant(tenantId, () => this.lookNow(tenantId, isStopping));
      } catch (error) {
        this.troubledUntil.set(tenantId, Date.now() + TROUBLE_PAUSE_MS);
        if (!(error instanceof StripeUnavailable)) throw error;
        this.logger.warn(`${tenantId}: ${error.message}`);
      }
    }
    return 'idle';
  }
}
