import { Injectable } from '@nestjs/common';
import { BackgroundWork } from '../clock/background-work.js';
import type { Turn } from '../clock/loop.js';
import { Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { foldAll, tenantsWithDeltas } from './fold.js';

const IDLE_MS = 1_000;

/** Folds deltas into totals, tenant by tenant. */
@Injectable()
export class FoldTimer extends BackgroundWork {
  constructor(
    private readonly db: Database,
    config: Config,
  ) {
    super(config, 'fold', IDLE_MS);
  }

  async round(isStopping: () => boolean): Promise<Turn> {
    const tenantIds = await tenantsWithDeltas(this.db.work);
    return this.forTenants(tenantIds, isStopping, (tenantId) => foldAll(this.db.work, tenantId));
  }
}
