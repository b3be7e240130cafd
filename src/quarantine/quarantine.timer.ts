import { Injectable } from '@nestjs/common';
import { BackgroundWork } from '../clock/background-work.js';
import type { Turn } from '../clock/loop.js';
import { Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { tenantIds } from '../database/tenant-ids.js';
import { timeOfDay } from '../database/time-of-day.js';
import { MICROS_PER_SECOND, type Micros } from '../domain/instant.js';
import { releaseUnseen } from './release-events.store.js';

const TENANTS = 'SELECT tenant_id AS "tenantId" FROM quarantine_tally WHERE events > 0';

const IDLE_MS = 10 * 60_000;
/** After the event was seen last. */
const KEPT_FOR: Micros = 90 * 86_400 * MICROS_PER_SECOND;
/** Of one transaction, which keeps the tenant's refused events waiting. */
const EVENTS_PER_STEP_MAX = 1_000;

/** Lets out of quarantine what nobody has sent for 90 days. */
@Injectable()
export class QuarantineTimer extends BackgroundWork {
  constructor(
    private readonly db: Database,
    config: Config,
  ) {
    super(config, 'quarantine', IDLE_MS);
  }

  /** In steps, so that nobody waits long; to be stopped between any two. */
  async round(isStopping = () => false): Promise<Turn> {
    const since = (await timeOfDay(this.db.work)) - KEPT_FOR;
    return this.forTenants(await tenantIds(this.db.work, TENANTS), isStopping, async (tenantId) => {
      let released = EVENTS_PER_STEP_MAX;
      while (released === EVENTS_PER_STEP_MAX && !isStopping()) {
        released = await this.db.work.transaction((tx) =>
          releaseUnseen(tx, tenantId, since, EVENTS_PER_STEP_MAX),
        );
      }
    });
  }
}
