import {
  Injectable,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { Loop } from '../clock/loop.js';
import { Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { PeriodCloser } from './period-closer.js';

const IDLE_MS = 2_000;

/** Closes by the own clock what has ended and is past the grace, and ends closes that were interrupted. */
@Injectable()
export class CloseTimer implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly loop: Loop;

  constructor(
    db: Database,
    closer: PeriodCloser,
    private readonly config: Config,
  ) {
    this.loop = new Loop('close', IDLE_MS, async (isStopping) => {
      const tenants = await db.work.query<{ tenant_id: string }>('SELECT tenant_id FROM tenant');
      for (const { tenant_id: tenantId } of tenants) {
        if (isStopping()) break;
        await closer.resume(tenantId, isStopping);
        await closer.closeByClock(tenantId, isStopping);
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
