import Stripe from 'stripe';
import { Tenant } from '../../src/access/tenant.entity.js';
import { TenantService } from '../../src/access/tenant.service.js';
import { loadConfig } from '../../src/config/config.js';
import { createDataSource } from '../../src/data-source.js';
import { Database } from '../../src/database/database.js';
import { Metrics } from '../../src/metrics/metrics.js';
import { Problem } from '../../src/problem/problem.js';
import { StripeAccounts } from '../../src/stripe/stripe-accounts.js';
import {
  StripeEventHandler,
  type HandlerResult,
  type InboxEvent,
} from '../../src/webhooks/stripe-event-handler.js';
import { StripeEventHandlers } from '../../src/webhooks/stripe-event-handlers.js';
import { StripeEventRunner } from '../../src/webhooks/stripe-event-runner.js';
import { StripeEventService } from '../../src/webhooks/stripe-event.service.js';
import { StripeEventWorker } from '../../src/webhooks/stripe-event-worker.js';
import { StripeInboxService } from '../../src/webhooks/stripe-inbox.service.js';
import { createTestDatabase } from '../support/database.js';

export const SECRET = 'whsec_inbox';
export const TYPE = 'thing.happened';
export const HELD_TYPE = 'thing.held';

const ENV = {
  STRIPE_SECRET_KEY: 'sk_test_inbox',
  STRIPE_ACCOUNT_ID: 'acct_own',
  STRIPE_WEBHOOK_SECRET: SECRET,
};

/** Does what a test tells it, on one type that is answered at once and one that is when it is done. */
export class ToldHandler extends StripeEventHandler {
  readonly types: readonly string[];
  override readonly answersWhenDone: boolean;

  constructor(
    type: string,
    private readonly tell: (event: InboxEvent) => Promise<HandlerResult>,
  ) {
    super();
    this.types = [type];
    this.answersWhenDone = type === HELD_TYPE;
  }

  handle(event: InboxEvent): Promise<HandlerResult> {
    return this.tell(event);
  }
}

export interface InboxProcess {
  readonly inbox: StripeInboxService;
  readonly worker: StripeEventWorker;
  readonly events: StripeEventService;
}

export interface InboxScene extends AsyncDisposable {
  readonly db: Database;
  readonly tenants: TenantService;
  readonly tenantId: string;
  /** The services of one process, whose handlers do what the test tells them. */
  process(
    tell?: (event: InboxEvent) => Promise<HandlerResult>,
    env?: Record<string, string>,
  ): InboxProcess;
  rows(): Promise<InboxRow[]>;
  /** Lets back-offs and leases run out. */
  passTime(): Promise<void>;
}

export interface InboxRow {
  readonly event_id: string;
  readonly outcome: string;
  readonly effects: readonly object[];
  readonly attempts: number;
  readonly failures: number;
  readonly last_error: string | null;
  readonly body: string;
}

export const done = (): Promise<HandlerResult> =>
  Promise.resolve({ outcome: 'done', effects: [{ kind: 'seen' }] });

/** A database with the tenant `default`, and any number of processes on it. */
export async function openInbox(): Promise<InboxScene> {
  const database = await createTestDatabase();
  const db = new Database(database.url, 8);
  const dataSource = await createDataSource(database.url).initialize();
  const tenants = new TenantService(db, dataSource.getRepository(Tenant));
  const tenantId = await tenants.create('default');
  return {
    db,
    tenants,
    tenantId,
    process(tell = done, env = {}) {
      const config = loadConfig({ ...ENV, ...env });
      const accounts = new StripeAccounts(db, config);
      const told = [TYPE, HELD_TYPE].map((type) => new ToldHandler(type, tell));
      const handlers = new StripeEventHandlers(told);
      const runner = new StripeEventRunner(db, accounts, handlers);
      const metrics = new Metrics();
      return {
        inbox: new StripeInboxService(db, tenants, accounts, handlers, runner, metrics),
        worker: new StripeEventWorker(db, config, runner),
        events: new StripeEventService(db),
      };
    },
    rows: () => db.work.query<InboxRow>('SELECT * FROM stripe_event ORDER BY event_id'),
    async passTime() {
      await db.work.query(
        `UPDATE stripe_event
            SET next_attempt_at = now() - interval '1 second',
                lease_until = CASE WHEN lease_until IS NOT NULL THEN now() - interval '1 second' END
          WHERE next_attempt_at IS NOT NULL`,
      );
    },
    async [Symbol.asyncDispose]() {
      await db.end();
      await dataSource.destroy();
      await database[Symbol.asyncDispose]();
    },
  };
}

/** The body of an event, as Stripe prints it. */
export function eventBody(id: string, members: Readonly<Record<string, unknown>> = {}): string {
  const event = {
    id,
    object: 'event',
    type: TYPE,
    created: Math.floor(Date.now() / 1_000),
    livemode: false,
    data: { object: { id: 'sub_1' } },
    ...members,
  };
  return JSON.stringify(event, null, 2);
}

export function signed(payload: string, secret = SECRET): string {
  return Stripe.webhooks.generateTestHeaderString({ payload, secret });
}

/** Delivers an event, and tells its answer as the route would. */
export async function deliver(
  { inbox }: InboxProcess,
  body: string,
  { tenant, header = signed(body) }: { tenant?: string; header?: string } = {},
): Promise<string> {
  try {
    const { copy } = await inbox.receive(tenant, Buffer.from(body), header);
    return copy ? 'copy' : 'received';
  } catch (error) {
    if (error instanceof Problem) return error.code;
    throw error;
  }
}
