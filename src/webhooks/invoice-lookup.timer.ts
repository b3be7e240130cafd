import {
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
  type OnModuleInit,
} from '@nestjs/common';
import { Loop, type Turn } from '../clock/loop.js';
import { Config } from '../config/config.js';
import { wakeInvoices } from '../customers/invoice-reading.store.js';
import { Database } from '../database/database.js';
import { readGate } from '../database/gate.js';
import { StripeUnavailable } from '../stripe/stripe-account.js';
import { StripeAccounts } from '../stripe/stripe-accounts.js';
import { InvoiceLookup } from './invoice-lookup.js';
import { holdUnread, unreadCustomers } from './unread-invoice.store.js';

const IDLE_MS = 5_000;
/** How long a tenant is left alone whose Stripe does not answer. */
const TROUBLE_PAUSE_MS = 60_000;

/** Tenants with periods that Stripe says the end of. */
const TENANTS = `
  SELECT t.tenant_id AS "tenantId" FROM tenant t
   WHERE EXISTS (SELECT FROM billing_source b WHERE b.tenant_id = t.tenant_id)`;

/**
 * Keeps pushes from going out behind an invoice that became final unnoticed, and has invoices
 * looked up that no webhook told of.
 *
 * Two loops: holding back never waits for Stripe.
 */
@Injectable()
export class InvoiceLookupTimer
  implements OnModuleInit, OnApplicationBootstrap, BeforeApplicationShutdown
{
  private readonly logger = new Logger(InvoiceLookupTimer.name);
  private readonly holds = new Loop('invoice-holds', IDLE_MS, () => this.hold());
  private readonly looks = new Loop('invoices', IDLE_MS, (isStopping) => this.round(isStopping));
  private readonly troubledUntil = new Map<string, number>();

  constructor(
    private readonly db: Database,
    private readonly config: Config,
    private readonly accounts: StripeAccounts,
    private readonly lookup: InvoiceLookup,
  ) {}

  /** Before any push worker starts: what waited while nothing ran may be too late by now. */
  async onModuleInit(): Promise<void> {
    if (this.config.ROLE === 'api') return;
    await this.hold().catch((error: unknown) => this.logger.error(error, 'the loop tries again'));
  }

  onApplicationBootstrap(): void {
    if (this.config.ROLE === 'api') return;
    this.holds.start();
    this.looks.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await Promise.all([this.holds.stop(), this.looks.stop()]);
  }

  /** Holds back what must wait for a look, of a tenant; and looks at all that is due. */
  async lookNow(tenantId: string, isStopping = () => false): Promise<number> {
    const times = await readGate(this.db.work, tenantId);
    await holdUnread(this.db.work, tenantId, times);
    const account = await this.accounts.of(tenantId);
    if (account === undefined) return 0;
    const unread = await unreadCustomers(this.db.work, tenantId, times);
    if (unread.length > 0) await wakeInvoices(this.db.work, tenantId, account, unread, times.now);
    return this.lookup.look(tenantId, isStopping);
  }

  private async hold(): Promise<Turn> {
    for (const tenantId of await this.tenants()) {
      await holdUnread(this.db.work, tenantId, await readGate(this.db.work, tenantId));
    }
    return 'idle';
  }

  private async round(isStopping: () => boolean): Promise<Turn> {
    for (const tenantId of await this.tenants()) {
      if (isStopping()) break;
      if ((this.troubledUntil.get(tenantId) ?? 0) > Date.now()) continue;
      try {
        await this.lookNow(tenantId, isStopping);
      } catch (error) {
        this.troubledUntil.set(tenantId, Date.now() + TROUBLE_PAUSE_MS);
        if (!(error instanceof StripeUnavailable)) throw error;
        this.logger.warn(`${tenantId}: ${error.message}`);
      }
    }
    return 'idle';
  }

  private async tenants(): Promise<string[]> {
    const rows = await this.db.work.query<{ tenantId: string }>(TENANTS);
    return rows.map(({ tenantId }) => tenantId);
  }
}
