import { Injectable } from '@nestjs/common';
import { BackgroundWork } from '../clock/background-work.js';
import type { Turn } from '../clock/loop.js';
import { Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { ReplayRunner } from './replay-runner.js';
import { waitingReplays } from './replay.store.js';

const IDLE_MS = 500;

/** Works on replays that were asked for over HTTP. Any number may run at once. */
@Injectable()
export class ReplayTimer extends BackgroundWork {
  constructor(
    private readonly db: Database,
    config: Config,
    private readonly runner: ReplayRunner,
  ) {
    super(config, 'replay', IDLE_MS);
  }

  async round(isStopping: () => boolean): Promise<Turn> {
    for (const { tenantId, id } of await waitingReplays(this.db.work)) {
      await this.forTenants([tenantId], isStopping, () =>
        this.runner.run(tenantId, id, isStopping),
      );
    }
    return 'idle';
  }
}
