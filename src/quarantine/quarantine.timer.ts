import {
  Injectable,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { Loop } from '../clock/loop.js';
import { Config } from '../config/config.js';
import type { Queryable } from '../database/connections.js';
import { Database } from '../database/database.js';
import { timeOfDay } from '../database/time-of-day.js';
import { MICROS_PER_SECOND, type Micros } from '../domain/instant.js';
import { releaseUnseen } from './release-events.store.js';

const IDLE_MS = 10 * 60_000;
/** After the event was seen last. */
const KEPT_FOR: Micros = 90 * 86_400 * MICROS_PER_SECOND;
/** Of one transaction, which keeps the tenant's refused events waiting. */
const EVENTS_PER_STEP_MAX = 1_000;

/** Lets out of quarantine what nobody has sent for 90 days. */
@Injectable()
export class QuarantineTimer implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly loop: Loop;

  constructor(
    db: Database,
    private readonly config: Config,
  ) {
    this.loop = new Loop('quarantine', IDLE_MS, async (isStopping) => {
      await releaseExpired(db, isStopping);
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

/** In steps, so that nobody waits long; to be stopped between any two. */
export async function releaseExpired(
  db: Database,
  isStopping: () => boolean = () => false,
): Promise<void> {
  const since = (await timeOfDay(db.work)) - KEPT_FOR;
  for (const tenantId of await tenantsWithQuarantine(db.work)) {
    let released = EVENTS_PER_STEP_MAX;
    while (released === EVENTS_PER_STEP_MAX && !isStopping()) {
      released = await db.work.transaction((tx) =>
        releaseUnseen(tx, tenantId, since, EVENTS_PER_STEP_MAX),
      );
    }
  }
}

async function tenantsWithQuarantine(db: Queryable): Promise<string[]> {
  const rows = await db.query<{ tenantId: string }>(
    'SELECT tenant_id AS "tenantId" FROM quarantine_tally WHERE events > 0',
  );
  return rows.map(({ tenantId }) => tenantId);
}
