import {
  Injectable,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { Loop } from '../clock/loop.js';
import { Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { BulkVoider } from './bulk-voider.js';

const IDLE_MS = 2_000;

const TENANTS_WITH_JOBS = `
  SELECT t.tenant_id AS "tenantId" FROM tenant t
   WHERE EXISTS (SELECT FROM bulk_void b
                  WHERE b.tenant_id = t.tenant_id AND b.finished_at IS NULL)`;

/** Ends voids of many events that nobody waits for any more. */
@Injectable()
export class BulkVoidTimer implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly loop: Loop;

  constructor(
    db: Database,
    voider: BulkVoider,
    private readonly config: Config,
  ) {
    this.loop = new Loop('bulk void', IDLE_MS, async (isStopping) => {
      for (const { tenantId } of await db.work.query<{ tenantId: string }>(TENANTS_WITH_JOBS)) {
        if (!isStopping()) await voider.resume(tenantId, isStopping);
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
