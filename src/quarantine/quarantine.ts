import { Injectable } from '@nestjs/common';
import { Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { Metrics } from '../metrics/metrics.js';
import { databaseOutage } from '../problem/database-outage.js';
import { Problem } from '../problem/problem.js';
import { keepEvents } from './keep-events.store.js';
import { QuarantineQueue } from './quarantine-queue.js';
import type { RefusedEvent } from './refused-event.js';

/** Takes in what was refused, and what conflicts with what is recorded. */
@Injectable()
export class Quarantine {
  private readonly queues = new Map<string, QuarantineQueue>();

  constructor(
    private readonly db: Database,
    private readonly config: Config,
    private readonly metrics: Metrics,
  ) {}

  /**
   * Keeps refused events and returns after the commit; at once where there are none.
   *
   * The verdicts are true already when this begins: what was accepted is committed, and what was
   * refused had no effect. Yet no verdict leaves before this has ended, and where this fails none
   * does: the sender gets a 503 and sends all of it again, as after every other 503. What was
   * accepted is then a duplicate and what was refused is refused again, and kept. To answer without
   * the row would break the promise that nothing vanishes for whoever does not read the answers of
   * a batch; to answer 503 breaks none, and costs only what an outage costs anyway, since the same
   * database has just recorded the neighbours. No single event can make this fail for ever: what
   * is written of it is JSON that escapes NUL and lone surrogates, and texts that hold neither.
   *
   * A full quarantine is no failure: what there is no room for is counted, and the sender is told
   * its verdict as ever. Else whoever fills it would stop everybody.
   *
   * @throws Problem with status 503
   */
  async keep(tenantId: string, events: readonly RefusedEvent[]): Promise<void> {
    if (events.length === 0) return;
    try {
      await this.queueOf(tenantId).add(events);
    } catch (error) {
      if (error instanceof Problem || databaseOutage(error) !== undefined) throw error;
      const detail = 'what is wrong with the events could not be written down; send them again';
      throw new Problem('service_unavailable', detail, { cause: error });
    }
  }

  private queueOf(tenantId: string): QuarantineQueue {
    let queue = this.queues.get(tenantId);
    if (queue === undefined) {
      queue = new QuarantineQueue((events) => this.commit(tenantId, events));
      this.queues.set(tenantId, queue);
    }
    return queue;
  }

  private async commit(tenantId: string, events: readonly RefusedEvent[]): Promise<void> {
    const { QUARANTINE_EVENTS_MAX } = this.config;
    const kept = await keepEvents(this.db.work, tenantId, events, QUARANTINE_EVENTS_MAX);
    for (const [code, n] of kept.added) this.metrics.quarantined.inc({ code }, n);
    this.metrics.quarantineDropped.inc(kept.dropped);
  }
}
