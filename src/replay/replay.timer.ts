import {
  Injectable,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { Loop } from '../clock/loop.js';
import { Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { ReplayRunner } from './replay-runner.js';
import { waitingReplays } from './replay.store.js';

const IDLE_MS = 500;

/** Works on replays that were asked for over HTTP. Any number may run at once. */
@Injectable()
export class ReplayTimer implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly loop: Loop;

  constructor(
    db: Database,
    private readonly config: Config,
    runner: ReplayRunner,
  ) {
    this.loop = new Loop('replay', IDLE_MS, async (isStopping) => {
      for (const { tenantId, id } of await waitingReplays(db.work)) {
        if (!isStopping()) await runner.run(tenantId, id, isStopping);
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
