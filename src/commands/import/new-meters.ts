import type { Database } from '../../database/database.js';
import { metersByEventType } from '../../domain/usage-match.js';
import type { IngestLine } from '../../ingest/ingest-line.js';
import { metersOf } from '../../meters/meter.store.js';
import type { MeterService } from '../../meters/meter.service.js';

const KEY = /^[a-z][a-z0-9_]{0,63}$/;

/** Makes meters for what events count in and nobody listens to yet. */
export class NewMeters {
  /** Names that a meter listens to, or that no meter can be made for. */
  private seen: Set<string> | undefined;
  readonly made: string[] = [];

  constructor(
    private readonly db: Database,
    private readonly meters: MeterService,
    private readonly tenantId: string,
  ) {}

  /** Before the events are recorded. */
  async makeFor(chunk: readonly IngestLine[]): Promise<void> {
    this.seen ??= await this.known();
    for (const { checked } of chunk) {
      if (!('event' in checked) || this.seen.has(checked.event.meter)) continue;
      const key = checked.event.meter;
      this.seen.add(key);
      if (!KEY.test(key)) continue;
      await this.meters.put(this.tenantId, key, { aggregation: 'sum' });
      this.made.push(key);
    }
  }

  private async known(): Promise<Set<string>> {
    const meters = await metersOf(this.db.work, this.tenantId);
    // An archived meter keeps its key: it is not for an import to bring it back.
    return new Set([...metersByEventType(meters).keys(), ...meters.map((meter) => meter.key)]);
  }
}
