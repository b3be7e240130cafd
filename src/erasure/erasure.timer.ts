import {
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { Loop } from '../clock/loop.js';
import { Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { Eraser } from './eraser.js';

const IDLE_MS = 2_000;

const TENANTS_WITH_ERASURES = `
  SELECT t.tenant_id AS "tenantId" FROM tenant t
   WHERE EXISTS (SELECT FROM erasure e
                  WHERE e.tenant_id = t.tenant_id AND e.finished_at IS NULL)`;

/** Ends erasures that nobody waits for any more. */
@Injectable()
export class ErasureTimer implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger(ErasureTimer.name);
  private readonly loop: Loop;

  constructor(
    db: Database,
    eraser: Eraser,
    private readonly config: Config,
  ) {
    this.loop = new Loop('erasure', IDLE_MS, async (isStopping) => {
      for (const { tenantId } of await db.work.query<{ tenantId: string }>(TENANTS_WITH_ERASURES)) {
        if (isStopping()) break;
        try {
          await eraser.resume(tenantId, isStopping);
        } catch (error) {
          this.logger.error(error, `erasing for tenant ${tenantId} failed; it goes on`);
        }
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
