import type { Config } from '../src/config/config.js';
import type { TenantService } from '../src/access/tenant.service.js';
import type { Database } from '../src/database/database.js';
import { Metrics } from '../src/metrics/metrics.js';
import type { StripeAccounts } from '../src/stripe/stripe-accounts.js';
import { MeterErrorHandler } from '../src/webhooks/meter-error.handler.js';
import type { StripeEventHandler } from '../src/webhooks/stripe-event-handler.js';
import { StripeEventHandlers } from '../src/webhooks/stripe-event-handlers.js';
import { StripeEventRunner } from '../src/webhooks/stripe-event-runner.js';
import { StripeEventWorker } from '../src/webhooks/stripe-event-worker.js';
import { StripeInboxService } from '../src/webhooks/stripe-inbox.service.js';

/** What of the inbox a wrong variant may have otherwise. */
export type HandlerFactory = (db: Database) => StripeEventHandler;

/** The webhook inbox of one process. */
export class StormInbox {
  readonly worker: StripeEventWorker;
  private readonly service: StripeInboxService;

  constructor(
    db: Database,
    config: Readonly<Config>,
    accounts: StripeAccounts,
    tenantId: string,
    handler: HandlerFactory = (own) => new MeterErrorHandler(own),
  ) {
    const handlers = new StripeEventHandlers([handler(db)]);
    const runner = new StripeEventRunner(db, accounts, handlers);
    const tenants = { byName: () => Promise.resolve({ tenantId }) } as unknown as TenantService;
    const metrics = new Metrics();
    this.worker = new StripeEventWorker(db, config, runner);
    this.service = new StripeInboxService(db, tenants, accounts, handlers, runner, metrics);
  }

  async receive(body: Buffer, signature: unknown): Promise<void> {
    await this.service.receive(undefined, body, signature);
  }
}
