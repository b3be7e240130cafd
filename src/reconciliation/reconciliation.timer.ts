import { Injectable } from '@nestjs/common';
import { BackgroundWork } from '../clock/background-work.js';
import type { Turn } from '../clock/loop.js';
import { Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { tenantIds } from '../database/tenant-ids.js';
import { timeOfDay } from '../database/time-of-day.js';
import { MICROS_PER_SECOND } from '../domain/instant.js';
import { pushStop } from '../outbox/push-guard.js';
import { ReconciliationRunner } from './reconciliation-runner.js';
import { scheduleReconciliation } from './reconciliation-scope.store.js';
import { RestorationService } from './restore/restoration.service.js';
import { restorationNeed } from './restore/restoration.store.js';
import { abandonedReconciliations } from './reconciliation.store.js';

const IDLE_MS = 5_000;
/** How often closed periods are looked for that nobody has held against Stripe yet. */
const CLOSED_EVERY_S = 600;
/** Until what could not be read back is tried again. */
const READ_BACK_PAUSE = 300 * MICROS_PER_SECOND;

/** Checks by the clock, and ends reconciliations that were cut off. Any number may run at once. */
@Injectable()
export class ReconciliationTimer extends BackgroundWork {
  private readBackAgainAt = 0;
  /** Turns that this process has had, by tenant and cause. */
  private readonly turns = new Map<string, number>();

  constructor(
    private readonly db: Database,
    private readonly config: Config,
    private readonly runner: ReconciliationRunner,
    private readonly restoration: RestorationService,
  ) {
    super(config, 'reconciliation', IDLE_MS);
  }

  override async onApplicationBootstrap(): Promise<void> {
    // Every process remembers where the database lives, before anything is pushed from it. Without
    // the schema nothing is.
    await pushStop(this.db.work).catch(() => undefined);
    await super.onApplicationBootstrap();
  }

  /** Begins what is due, and runs what nobody is at work on. */
  async round(isStopping: () => boolean): Promise<Turn> {
    // Of a copy that has forgotten pushes, each would be a drift.
    const interval = this.config.RECONCILE_INTERVAL_SECONDS;
    await this.readBack(isStopping);
    if (interval > 0 && (await pushStop(this.db.work)) === undefined)
      await this.begin(interval, isStopping);
    for (const { tenantId, id } of await abandonedReconciliations(this.db.work)) {
      await this.forTenants([tenantId], isStopping, () =>
        this.runner.run(tenantId, id, isStopping),
      );
    }
    return 'idle';
  }

  /** After a recovery or a promotion of the database: what was pushed may have been forgotten. */
  private async readBack(isStopping: () => boolean): Promise<void> {
    if ((await restorationNeed(this.db.work)) !== 'automatic') return;
    const now = await timeOfDay(this.db.work);
    if (now < this.readBackAgainAt) return;
    const { finished, found, unread } = await this.restoration.restore({
      dryRun: false,
      acceptsUnread: false,
      isStopping,
    });
    this.readBackAgainAt = now + READ_BACK_PAUSE;
    const told = `${found.length} pushes found that were not known`;
    if (finished) this.logger.warn(`the database was recovered; ${told}`);
    else this.logger.error(`the database was recovered, nothing is pushed: ${told}`, unread);
  }

  private async begin(interval: number, isStopping: () => boolean): Promise<void> {
    const seconds = (await timeOfDay(this.db.work)) / MICROS_PER_SECOND;
    const tenants = await tenantIds(
      this.db.work,
      `SELECT t.tenant_id AS "tenantId" FROM tenant t
        WHERE EXISTS (SELECT FROM push_lane l WHERE l.tenant_id = t.tenant_id)`,
    );
    const beginBoth = async (tenantId: string): Promise<void> => {
      await this.beginOne(tenantId, 'close', Math.floor(seconds / CLOSED_EVERY_S));
      await this.beginOne(tenantId, 'sample', Math.floor(seconds / interval));
    };
    await this.forTenants(tenants, isStopping, beginBoth, 'schedule');
  }

  private async beginOne(tenantId: string, cause: 'close' | 'sample', slot: number): Promise<void> {
    const name = `${tenantId} ${cause}`;
    if (this.turns.get(name) === slot) return;
    const stable = this.config.READBACK_STABLE_SECONDS;
    await this.db.work.transaction((tx) =>
      scheduleReconciliation(tx, tenantId, cause, slot, stable),
    );
    this.turns.set(name, slot);
  }
}
