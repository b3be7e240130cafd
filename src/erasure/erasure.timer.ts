import { Injectable } from '@nestjs/common';
import { BackgroundWork } from '../clock/background-work.js';
import type { Turn } from '../clock/loop.js';
import { Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { tenantIds } from '../database/tenant-ids.js';
import { Eraser } from './eraser.js';

const IDLE_MS = 2_000;

const TENANTS_WITH_ERASURES = `
  SELECT t.tenant_id AS "tenantId" FROM tenant t
   WHERE EXISTS (SELECT FROM erasure e
                  WHERE e.tenant_id = t.tenant_id AND e.finished_at IS NULL)`;

/** Ends erasures that nobody waits for any more. */
@Injectable()
export class ErasureTimer extends BackgroundWork {
  constructor(
    private readonly db: Database,
    private readonly eraser: Eraser,
    config: Config,
  ) {
    super(config, 'erasure', IDLE_MS);
  }

  async round(isStopping: () => boolean): Promise<Turn> {
    const tenants = await tenantIds(this.db.work, TENANTS_WITH_ERASURES);
    return this.forTenants(tenants, isStopping, (tenantId) =>
      this.eraser.resume(tenantId, isStopping),
    );
  }
}
