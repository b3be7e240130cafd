import {
  Injectable,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { Loop } from '../clock/loop.js';
import { Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { forgetAnswers, tenantsToForget } from './command-answer.store.js';

const IDLE_MS = 10 * 60_000;
const ANSWERS_PER_STEP = 1_000;

/** Forgets the answers of commands when their time is over. */
@Injectable()
export class CommandAnswerTimer implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly loop: Loop;

  constructor(
    private readonly db: Database,
    private readonly config: Config,
  ) {
    this.loop = new Loop('command answers', IDLE_MS, async (isStopping) => {
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
    for (const tenantId of await tenantsToForget(this.db.work)) {
      while (!isStopping()) {
        const forgotten = await forgetAnswers(this.db.work, tenantId, ANSWERS_PER_STEP);
        if (forgotten < ANSWERS_PER_STEP) break;
      }
    }
  }
}
