import {
  Injectable,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { Loop } from '../../clock/loop.js';
import { Config } from '../../config/config.js';
import { Database } from '../../database/database.js';
import { clearApprovals, tenantsToClear } from './approval.store.js';

const IDLE_MS = 10 * 60_000;

/** Forgets approvals when their time is over: what was asked for may name people. */
@Injectable()
export class ApprovalTimer implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly loop: Loop;

  constructor(
    private readonly db: Database,
    private readonly config: Config,
  ) {
    this.loop = new Loop('approvals', IDLE_MS, async (isStopping) => {
      await this.forget(isStopping);
      return 'idle';
    });
  }

  onApplicationBootstrap(): void {
    if (this.config.ROLE !== 'api') this.loop.start();
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.loop.stop();
  }

  /** In steps of their own, so that nothing waits long for any of them. */
  async forget(isStopping = () => false): Promise<void> {
    for (const tenantId of await tenantsToClear(this.db.work)) {
      while (!isStopping()) {
        if (!(await this.db.work.transaction((tx) => clearApprovals(tx, tenantId)))) break;
      }
    }
  }
}
