import { Injectable } from '@nestjs/common';
import { BackgroundWork } from '../../clock/background-work.js';
import type { Turn } from '../../clock/loop.js';
import { Config } from '../../config/config.js';
import { Database } from '../../database/database.js';
import { clearApprovals, tenantsToClear } from './approval.store.js';

const IDLE_MS = 10 * 60_000;

/** Forgets approvals when their time is over: what was asked for may name people. */
@Injectable()
export class ApprovalTimer extends BackgroundWork {
  constructor(
    private readonly db: Database,
    config: Config,
  ) {
    super(config, 'approvals', IDLE_MS);
  }

  /** In steps of their own, so that nothing waits long for any of them. */
  async round(isStopping = () => false): Promise<Turn> {
    return this.forTenants(await tenantsToClear(this.db.work), isStopping, async (tenantId) => {
      while (!isStopping()) {
        if (!(await this.db.work.transaction((tx) => clearApprovals(tx, tenantId)))) break;
      }
    });
  }
}
