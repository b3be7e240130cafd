import {
  Injectable,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { atMost } from '../clock/at-most.js';
import { Loop, type Turn } from '../clock/loop.js';
import { Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { withinTenant } from '../database/tenant-scope.js';
import { claimEvents, tenantsWithEvents } from './stripe-claim.store.js';
import { StripeEventRunner } from './stripe-event-runner.js';

const IDLE_MS = 500;
/** Events of a tenant at once: few enough to leave connections to others. */
const BATCH = 4;
/** A process has ten seconds to end; what takes longer another one does again. */
const STOP_WAIT_MAX_MS = 9_000;

/** Works off the inbox of every tenant, until it is stopped. Any number may run on one database. */
@Injectable()
export class StripeEventWorker implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly loop = new Loop('Stripe events', IDLE_MS, (isStopping) =>
    this.round(isStopping),
  );

  constructor(
    private readonly db: Database,
    private readonly config: Config,
    private readonly runner: StripeEventRunner,
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

  async stop(): Promise<void> {
    await atMost(STOP_WAIT_MAX_MS, this.loop.stop());
  }

  /** Works on what is due for one tenant, once; 0 where nothing is that another process does not have. */
  work(tenantId: string): Promise<number> {
    return withinTenant(tenantId, async () => {
      const events = await claimEvents(this.db.work, tenantId, BATCH);
      await Promise.all(events.map((event) => this.runner.run(event)));
      return events.length;
    });
  }

  private async round(isStopping: () => boolean): Promise<Turn> {
    let done = 0;
    for (const tenantId of await tenantsWithEvents(this.db.work)) {
      if (isStopping()) break;
      done += await this.work(tenantId);
    }
    return done > 0 ? 'more' : 'idle';
  }
}
