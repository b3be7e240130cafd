import { Injectable } from '@nestjs/common';
import { BackgroundWork } from '../clock/background-work.js';
import type { Turn } from '../clock/loop.js';
import { Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { MAKE_USAGE_MONTHS } from '../database/usage-months.js';

const IDLE_MS = 60 * 60_000;

/** Makes the months that usage is recorded in, three of them ahead. */
@Injectable()
export class UsageMonthsTimer extends BackgroundWork {
  constructor(
    private readonly db: Database,
    config: Config,
  ) {
    super(config, 'usage months', IDLE_MS);
  }

  async round(): Promise<Turn> {
    const [done] = await this.db.work.query<{ made: number }>(MAKE_USAGE_MONTHS);
    if (done!.made > 0) this.logger.log(`made ${done!.made} tables for the months to come`);
    return 'idle';
  }
}
