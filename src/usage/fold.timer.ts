import {
  Injectable,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { Loop } from '../clock/loop.js';
import { Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { withinTenant } from '../database/tenant-scope.js';
import { foldAll, tenantsWithDeltas } from './fold.js';

const IDLE_MS = 1_000;

/** Folds deltas into totals, tenant by tenant. */
@Injectable()
export class FoldTimer implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly loop: Loop;

  constructor(
    db: Database,
    private readonly config: Config,
  ) {
    this.loop = new Loop('fold', IDLE_MS, async (isStopping) => {
      for (const tenantId of await tenantsWithDeltas(db.work)) {
        if (!isStopping()) await withinTenant(tenantId, () => foldAll(db.work, tenantId));
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
