import {
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { atMost } from '../clock/at-most.js';
import { Loop, type Turn } from '../clock/loop.js';
import { TroublePauses } from '../clock/trouble-pauses.js';
import { Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { withinTenant } from '../database/tenant-scope.js';
import { PUSH_STOP_DETAILS, pushStop, type PushStop } from '../outbox/push-guard.js';
import { StripeUnavailable } from '../stripe/stripe-account.js';
import { PushChanges } from './push-changes.js';
import { PushInterval } from './push-interval.js';
import { PushPlanner } from './push-planner.js';
import { PushSender } from './push-sender.js';

const IDLE_MS = 500;
/**
 * How long a tenant is left alone whose Stripe does not answer, or whose work broke, at first and at
 * the most. Short at first: one connection that breaks must not cost more than it did.
 */
const TROUBLE_PAUSE_MS = 250;
const TROUBLE_PAUSE_MAX_MS = 5_000;
/** How long pushes are left alone that are due, and cannot go: what holds them takes its time. */
const BLOCKED_PAUSE_MS = 1_000;
/** A process has ten seconds to end; a call that takes longer is unknown to the next one. */
const STOP_WAIT_MAX_MS = 9_000;

/** Which tenants have work; an unknown push past its window is none. */
const TENANTS = `
  SELECT t.tenant_id AS "tenantId", t.gate_version AS "gateVersion",
         EXISTS (SELECT FROM push_work w WHERE w.tenant_id = t.tenant_id) AS "hasPlans",
         EXISTS (SELECT FROM push p
                  WHERE p.tenant_id = t.tenant_id AND p.status IN ('pending', 'unknown')
                    AND p.next_attempt_at <= clock_timestamp()
                    AND (p.status = 'pending'
                         OR p.target = 'file'
                         OR p.first_attempt_at > clock_timestamp() - $1 * interval '1 second'))
         OR EXISTS (SELECT FROM push p
                     WHERE p.tenant_id = t.tenant_id AND p.status = 'sending'
                       AND p.lease_until < clock_timestamp())
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
  private toldStop: PushStop | undefined;
  private readonly pauses = new TroublePauses(TROUBLE_PAUSE_MS, TROUBLE_PAUSE_MAX_MS);
  /** Until when a tenant is not looked at whose due pushes could not go, unix milliseconds. */
  private readonly blockedUntil = new Map<string, number>();
  private readonly sending = new Map<string, Promise<void>>();
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
    await atMost(
      STOP_WAIT_MAX_MS,
      this.loop.stop().then(() => this.sent()),
    );
  }

  /** Resolves when what is being sent has been sent, or given back. */
  async sent(): Promise<void> {
    await Promise.all(this.sending.values());
  }

  /** Plans and sends for one tenant until nothing is due. */
  drain(tenantId: string): Promise<void> {
    return withinTenant(tenantId, async () => {
      let done: number;
      do {
        done = await this.planner.plan(tenantId);
        done += await this.sender.send(tenantId);
      } while (done > 0);
    });
  }

  private async round(isStopping: () => boolean): Promise<Turn> {
    if (await this.isStopped()) return 'idle';
    let done = 0;
    const window = this.config.PUSH_RESEND_WINDOW_SECONDS;
    const tenants = await this.db.work.query<TenantWork>(TENANTS, [window]);
    for (const tenant of tenants) {
      if (isStopping()) break;
      if (this.pauses.isPaused(tenant.tenantId)) continue;
      try {
        done += await withinTenant(tenant.tenantId, () => this.serve(tenant));
      } catch (error) {
        this.trouble(tenant.tenantId, error);
      }
    }
    return done > 0 ? 'more' : 'idle';
  }

  /** Says once why nothing is pushed from this database. */
  private async isStopped(): Promise<boolean> {
    const stop = await pushStop(this.db.work);
    if (stop !== undefined && stop !== this.toldStop) {
      this.logger.error(`nothing is pushed: ${PUSH_STOP_DETAILS[stop]}`);
    }
    this.toldStop = stop;
    return stop !== undefined;
  }

  private async serve({ tenantId, ...work }: TenantWork): Promise<number> {
    await this.changes.tick(tenantId, work.gateVersion);
    await this.interval.tick(tenantId);
    const planned = work.hasPlans ? await this.planner.plan(tenantId) : 0;
    const isBlocked = (this.blockedUntil.get(tenantId) ?? 0) > Date.now();
    if (planned > 0 || (work.hasPushes && !isBlocked)) this.send(tenantId);
    return planned;
  }

  /** Sends beside the rounds: what is planned meanwhile goes with it, closes first. */
  private send(tenantId: string): void {
    if (this.sending.has(tenantId)) return;
    const sending = this.sender
      .send(tenantId)
      .then((sent) => {
        this.pauses.succeeded(tenantId);
        if (sent === 0) this.blockedUntil.set(tenantId, Date.now() + BLOCKED_PAUSE_MS);
      })
      .catch((error: unknown) => this.trouble(tenantId, error))
      .finally(() => this.sending.delete(tenantId));
    this.sending.set(tenantId, sending);
  }

  private trouble(tenantId: string, error: unknown): void {
    this.pauses.failed(tenantId);
    this.report(tenantId, error);
  }

  private report(tenantId: string, error: unknown): void {
    if (error instanceof StripeUnavailable) this.logger.warn(`${tenantId}: ${error.message}`);
    else this.logger.error(error, `pushes of tenant ${tenantId} failed; they go on`);
  }
}
