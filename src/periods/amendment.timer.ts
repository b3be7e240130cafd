import {
  Injectable,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { Loop } from '../clock/loop.js';
import { Config } from '../config/config.js';
import { Database } from '../database/database.js';
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
export class AmendmentTimer implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly loop: Loop;

  constructor(
    db: Database,
    sealer: AmendmentSealer,
    private readonly config: Config,
  ) {
    this.loop = new Loop('amendment', IDLE_MS, async (isStopping) => {
      for (const { tenantId } of await db.work.query<{ tenantId: string }>(TENANTS_DUE)) {
        if (!isStopping()) await sealer.run(tenantId, isStopping);
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
