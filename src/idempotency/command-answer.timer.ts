import { Injectable } from '@nestjs/common';
import { BackgroundWork } from '../clock/background-work.js';
import type { Turn } from '../clock/loop.js';
import { Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { forgetAnswers, tenantsToForget } from './command-answer.store.js';

const IDLE_MS = 10 * 60_000;
const ANSWERS_PER_STEP = 1_000;

/** Forgets the answers of commands when their time is over. */
@Injectable()
export class CommandAnswerTimer extends BackgroundWork {
  constructor(
    private readonly db: Database,
    config: Config,
  ) {
    super(config, 'command answers', IDLE_MS);
  }

  /** In steps of their own, so that nothing waits long for any of them. */
  async round(isStopping = () => false): Promise<Turn> {
    return this.forTenants(await tenantsToForget(this.db.work), isStopping, async (tenantId) => {
      let forgotten = ANSWERS_PER_STEP;
      while (forgotten === ANSWERS_PER_STEP && !isStopping()) {
        forgotten = await forgetAnswers(this.db.work, tenantId, ANSWERS_PER_STEP);
      }
    });
  }
}
