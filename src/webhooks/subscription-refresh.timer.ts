import { Injectable } from '@nestjs/common';
import { BackgroundWork } from '../clock/background-work.js';
import type { Turn } from '../clock/loop.js';
import { Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { StripeUnavailable } from '../stripe/stripe-account.js';
import { StripeAccounts } from '../stripe/stripe-accounts.js';
import { SubscriptionSync } from '../usage/subscription-sync.js';

const IDLE_MS = 5_000;
/** Stripe customers of one tenant in one round: reads are scarce, and webhooks mostly come. */
const BATCH = 10;
/** Webhooks go first: they come within seconds of a period's end. */
const WEBHOOK_LEAD_SECONDS = 120;

/** Stripe customers whose periods are over, or that were never asked for. */
const DUE = `
  SELECT DISTINCT c.tenant_id AS "tenantId", c.stripe_customer_id AS "stripeCustomerId"
    FROM tenant t
    JOIN billing_source b ON b.tenant_id = t.tenant_id
    JOIN customer c ON c.tenant_id = b.tenant_id AND c.customer_no = b.customer_no
    LEFT JOIN LATERAL (
           SELECT max(r.next_read_at) AS next_read_at, max(r.deleted_at) AS deleted_at
             FROM subscription_reading r
            WHERE r.tenant_id = c.tenant_id AND r.stripe_customer_id = c.stripe_customer_id) r ON true
   WHERE ($1::uuid IS NULL OR t.tenant_id = $1) AND c.stripe_customer_id IS NOT NULL
     AND r.deleted_at IS NULL
     AND (r.next_read_at IS NULL
          OR r.next_read_at <= clock_timestamp() + t.clock_offset_micros * interval '1 microsecond'
                               - $2 * interval '1 second')
     AND b.source = 'stripe'
     AND NOT EXISTS (SELECT FROM billing_source n
                      WHERE n.tenant_id = b.tenant_id AND n.customer_no = b.customer_no
                        AND n.meter_no = b.meter_no AND n.version > b.version)
   LIMIT $3`;

/**
 * Reads subscriptions again whose current period is over, as far as is known: the webhook that says
 * so may be late or lost. Without it the own clock would close by what Stripe said long ago.
 */
@Injectable()
export class SubscriptionRefreshTimer extends BackgroundWork {
  constructor(
    private readonly db: Database,
    config: Config,
    private readonly accounts: StripeAccounts,
    private readonly sync: SubscriptionSync,
  ) {
    super(config, 'subscriptions', IDLE_MS);
  }

  /**
   * Reads what is due of a tenant, once.
   *
   * @returns How many Stripe customers were read.
   * @throws StripeUnavailable where Stripe does not answer, or not now.
   */
  async refresh(tenantId: string, isStopping = () => false): Promise<number> {
    const due = await this.due(tenantId);
    const account = due.length === 0 ? undefined : await this.accounts.of(tenantId);
    if (account === undefined) return 0;
    let read = 0;
    for (const { stripeCustomerId } of due) {
      if (isStopping()) break;
      await this.sync.read(tenantId, account, stripeCustomerId);
      read++;
    }
    return read;
  }

  async round(isStopping: () => boolean): Promise<Turn> {
    const tenantIds = new Set((await this.due(null)).map(({ tenantId }) => tenantId));
    return this.forTenants(tenantIds, isStopping, (tenantId) => this.refresh(tenantId, isStopping));
  }

  protected override tell(tenantId: string, error: unknown): void {
    if (error instanceof StripeUnavailable) this.logger.warn(`${tenantId}: ${error.message}`);
    else super.tell(tenantId, error);
  }

  private due(tenantId: string | null): Promise<{ tenantId: string; stripeCustomerId: string }[]> {
    return this.db.work.query(DUE, [tenantId, WEBHOOK_LEAD_SECONDS, BATCH]);
  }
}
