import { Injectable } from '@nestjs/common';
import { BackgroundWork } from '../clock/background-work.js';
import type { Turn } from '../clock/loop.js';
import { Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { tenantIds } from '../database/tenant-ids.js';
import { AmendmentSealer } from './amendment-sealer.js';

const IDLE_MS = 1_000;

const TENANTS_DUE = `
  SELECT t.tenant_id AS "tenantId" FROM tenant t
   WHERE EXISTS (SELECT FROM amendment_due d
                  WHERE d.tenant_id = t.tenant_id AND d.due_at <= clock_timestamp())
      OR EXISTS (SELECT FROM period_amendment a
                  WHERE a.tenant_id = t.tenant_id AND a.created_at IS NULL)`;

/** Freezes amendments, tenant by tenant. */
@Injectable()
export class AmendmentTimer extends BackgroundWork {
  constructor(
    private readonly db: Database,
    private readonly sealer: AmendmentSealer,
    config: Config,
  ) {
    super(config, 'amendment', IDLE_MS);
  }

  async round(isStopping = () => false): Promise<Turn> {
    const tenants = await tenantIds(this.db.work, TENANTS_DUE);
    return this.forTenants(tenants, isStopping, (tenantId) =>
      this.sealer.run(tenantId, isStopping),
    );
  }
}
