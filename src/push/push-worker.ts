import {
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { Loop, type Turn } from '../clock/loop.js';
import { Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { StripeUnavailable } from '../stripe/stripe-account.js';
import { PushChanges } from './push-changes.js';
import { PushInterval } from './push-interval.js';
import { PushPlanner } from './push-planner.js';
import { PushSender } from './push-sender.js';

const IDLE_MS = 500;
/** How long a tenant is left alone whose Stripe does not answer, or whose work broke. */
const TROUBLE_PAUSE_MS = 5_000;
/** A process has ten seconds to end; a call that takes longer is unknown to the next one. */
const STOP_WAIT_MAX_MS = 9_000;

/** Which tenants have work; an unknown push past its window is none. */
const TENANTS = `
  SELECT t.tenant_id AS "tenantId", t.gate_version AS "gateVersion",
         EXISTS (SELECT FROM push_work w WHERE w.tenant_id = t.tenant_id) AS "hasPlans",
         EXISTS (SELECT FROM push p
                  WHERE p.tenant_id = t.tenant_id AND p.status IN ('pending', 'sending', 'unknown')
                    AND (p.status = 'pending' AND p.next_attempt_at <= clock_timestamp()
                         OR p.status = 'sending' AND p.lease_until < clock_timestamp()
                         OR p.status = 'unknown' AND p.next_attempt_at <= clock_timestamp()
                            AND p.first_attempt_at > clock_timestamp() - $1 * interval '1 second'))
           AS "hasPushes"
    FROM tenant t`;

interface TenantWork {
  readonly tenantId: string;
  readonly gateVersion: number;
  readonly hasPlans: boolean;
  readonly hasPushes: boolean;
}

/** Plans and sends for every tenant, until it is stopped. Any number may run on one database. */
@Injectable()
export class PushWorker implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger(PushWorker.name);
  private readonly troubledUntil = new Map<string, number>();
  private readonly loop = new Loop('push', IDLE_MS, (isStopping) => this.round(isStopping));

  constructor(
    private readonly db: Database,
    private readonly config: Config,
    private readonly planner: PushPlanner,
    private readonly sender: PushSender,
    private readonly interval: PushInterval,
    private readonly changes: PushChanges,
  ) {}

  onApplicationBootstrap(): void {
    if (this.config.ROLE !== 'api') this.start();
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.stop();
  }

  start(): void {
    this.loop.start();
  }

  /** Waits for the calls on their way, nine seconds at most; what is claimed beside them goes back. */
  async stop(): Promise<void> {
    this.sender.stop();
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, STOP_WAIT_MAX_MS);
    });
    await Promise.race([this.loop.stop(), deadline]);
    clearTimeout(timer);
  }

  /** Plans and sends for one tenant until nothing is due. */
  async drain(tenantId: string): Promise<void> {
    let done: number;
    do {
      done = await this.planner.plan(tenantId);
      done += await this.sender.send(tenantId);
    } while (done > 0);
  }

  private async round(isStopping: () => boolean): Promise<Turn> {
    let done = 0;
    const window = this.config.PUSH_RESEND_WINDOW_SECONDS;
    const tenants = await this.db.work.query<TenantWork>(TENANTS, [window]);
    for (const tenant of tenants) {
      if (isStopping()) break;
      if ((this.troubledUntil.get(tenant.tenantId) ?? 0) > Date.now()) continue;
      try {
        done += await this.serve(tenant);
      } catch (error) {
        this.troubledUntil.set(tenant.tenantId, Date.now() + TROUBLE_PAUSE_MS);
        this.report(tenant.tenantId, error);
      }
    }
    return done > 0 ? 'more' : 'idle';
  }

  private async serve({ tenantId, ...work }: TenantWork): Promise<number> {
    await this.changes.tick(tenantId, work.gateVersion);
    await this.interval.tick(tenantId);
    const planned = work.hasPlans ? await this.planner.plan(tenantId) : 0;
    const sent = work.hasPushes || planned > 0 ? await this.sender.send(tenantId) : 0;
    return planned + sent;
  }

  private report(tenantId: string, error: unknown): void {
    if (error instanceof StripeUnavailable) this.logger.warn(`${tenantId}: ${error.message}`);
    else this.logger.error(error, `pushes of tenant ${tenantId} failed; they go on`);
  }
}
