import {
  Injectable,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { Loop } from '../clock/loop.js';
import { Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { withinTenant } from '../database/tenant-scope.js';
import { ItemCloser } from './item-closer.js';
import { PeriodCloser } from './period-closer.js';

const IDLE_MS = 2_000;

/** Tenants with a close that was not ended, or with a period that the own clock finds due. */
const TENANTS_DUE = `
  SELECT t.tenant_id AS "tenantId" FROM tenant t
   WHERE EXISTS (SELECT FROM period_close c WHERE c.tenant_id = t.tenant_id AND c.finished_at IS NULL)
      OR EXISTS (SELECT FROM billing_period p
                  WHERE p.tenant_id = t.tenant_id AND p.closed_at IS NULL AND NOT p.backfilled
                    AND p.period_end <= clock_timestamp() - $1 * interval '1 second'
                                        + t.clock_offset_micros * interval '1 microsecond')`;

/** Closes by the own clock what has ended and is past the grace, and ends closes that were interrupted. */
@Injectable()
export class CloseTimer implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly loop: Loop;

  constructor(
    db: Database,
    closer: PeriodCloser,
    items: ItemCloser,
    private readonly config: Config,
  ) {
    this.loop = new Loop('close', IDLE_MS, async (isStopping) => {
      const tenants = await db.work.query<{ tenantId: string }>(TENANTS_DUE, [
        config.CLOSE_GRACE_SECONDS,
      ]);
      for (const { tenantId } of tenants) {
        if (isStopping()) break;
        await withinTenant(tenantId, async () => {
          await closer.resume(tenantId, isStopping);
          await closer.closeByClock(tenantId, isStopping);
          if ((await items.close(tenantId)) > 0) await closer.resume(tenantId, isStopping);
        });
      }
      return 'idle';
    });
  }

  onApplicationBootstrap(): void {
    if (this.config.ROLE !== 'api') this.loop.start();
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.loop.stop();
  }
}
