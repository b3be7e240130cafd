import { Injectable } from '@nestjs/common';
import { BackgroundWork } from '../clock/background-work.js';
import type { Turn } from '../clock/loop.js';
import { Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { tenantIds } from '../database/tenant-ids.js';
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
export class CloseTimer extends BackgroundWork {
  constructor(
    private readonly db: Database,
    private readonly closer: PeriodCloser,
    private readonly items: ItemCloser,
    private readonly config: Config,
  ) {
    super(config, 'close', IDLE_MS);
  }

  async round(isStopping: () => boolean): Promise<Turn> {
    const grace = this.config.CLOSE_GRACE_SECONDS;
    const tenants = await tenantIds(this.db.work, TENANTS_DUE, [grace]);
    return this.forTenants(tenants, isStopping, async (tenantId) => {
      await this.closer.resume(tenantId, isStopping);
      await this.closer.closeByClock(tenantId, isStopping);
      if ((await this.items.close(tenantId)) > 0) await this.closer.resume(tenantId, isStopping);
    });
  }
}
