import { Injectable, Logger } from '@nestjs/common';
import { Counter } from 'prom-client';
import { Database } from '../database/database.js';
import { timeOfDay } from '../database/time-of-day.js';
import { Metrics } from '../metrics/metrics.js';
import { confirmProven } from './confirm.store.js';
import { LaneReader } from './lane-reader.js';
import { unreadLanes, type ReadLane } from './lane.store.js';
import {
  claimReconciliation,
  finishReconciliation,
  releaseLease,
  renewLease,
  storeLane,
  type LaneResult,
  type ReconciliationLease,
} from './reconciliation.store.js';

const BATCH = 20;

/** Reads the lanes of a reconciliation one by one, and goes on where another process stopped. */
@Injectable()
export class ReconciliationRunner {
  private readonly logger = new Logger(ReconciliationRunner.name);
  private readonly read: Counter<'verdict'>;

  constructor(
    private readonly db: Database,
    private readonly lanes: LaneReader,
    metrics: Metrics,
  ) {
    this.read = new Counter({
      name: 'reconciled_lanes_total',
      help: 'Lanes of pushes held against what Stripe counted, by what came of it.',
      labelNames: ['verdict'] as const,
      registers: [metrics.registry],
    });
  }

  /** @returns Whether it is finished; not where another process has it, or this one stops. */
  async run(tenantId: string, id: string, isStopping: () => boolean): Promise<boolean> {
    const lease = await claimReconciliation(this.db.work, tenantId, id);
    if (lease === undefined) return false;
    try {
      for (;;) {
        const lanes = await unreadLanes(this.db.work, tenantId, id, BATCH);
        if (lanes.length === 0) break;
        for (const lane of lanes) {
          if (isStopping() || !(await this.readLane(tenantId, id, lease, lane))) return false;
        }
      }
      await finishReconciliation(this.db.work, tenantId, id, lease);
      return true;
    } finally {
      await releaseLease(this.db.work, tenantId, id, lease);
    }
  }

  /** @returns Whether the reconciliation is still this process's. */
  private async readLane(
    tenantId: string,
    id: string,
    lease: ReconciliationLease,
    lane: ReadLane,
  ): Promise<boolean> {
    const result = await this.lanes.read(
      tenantId,
      lane,
      lease.cause === 'request' ? 'hours' : 'whole',
    );
    const isOurs = await this.db.work.transaction(async (tx) => {
      const now = await timeOfDay(tx);
      if (!(await renewLease(tx, tenantId, id, lease, now))) return false;
      await storeLane(tx, tenantId, id, lane.laneNo, result, now);
      await confirmProven(tx, tenantId, result.reading?.proven ?? [], now);
      return true;
    });
    if (isOurs) this.tell(tenantId, lane, result);
    return isOurs;
  }

  private tell(tenantId: string, lane: ReadLane, { verdict, reading }: LaneResult): void {
    this.read.inc({ verdict });
    if (verdict !== 'drift' || reading === undefined) return;
    const causes = [...new Set(reading.differences.map(({ cause }) => cause))].join(', ');
    this.logger.error(
      `drift at Stripe: tenant ${tenantId}, ${lane.stripeCustomerId}, meter ${lane.stripeMeterId}: ` +
        `${reading.stripe} there, ${reading.ours} here (${causes})`,
    );
  }
}
