import { Injectable } from '@nestjs/common';
import { BackgroundWork } from '../clock/background-work.js';
import type { Turn } from '../clock/loop.js';
import { Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { tenantIds } from '../database/tenant-ids.js';
import { BulkVoider } from './bulk-voider.js';

const IDLE_MS = 2_000;

const TENANTS_WITH_JOBS = `
  SELECT t.tenant_id AS "tenantId" FROM tenant t
   WHERE EXISTS (SELECT FROM bulk_void b
                  WHERE b.tenant_id = t.tenant_id AND b.finished_at IS NULL)`;

/** Ends voids of many events that nobody waits for any more. */
@Injectable()
export class BulkVoidTimer extends BackgroundWork {
  constructor(
    private readonly db: Database,
    private readonly voider: BulkVoider,
    config: Config,
  ) {
    super(config, 'bulk void', IDLE_MS);
  }

  async round(isStopping: () => boolean): Promise<Turn> {
    const tenants = await tenantIds(this.db.work, TENANTS_WITH_JOBS);
    return this.forTenants(tenants, isStopping, (tenantId) =>
      this.voider.resume(tenantId, isStopping),
    );
  }
}
