import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import {
  checkUsageEvent,
  MeterService,
  Problem,
  Recorder,
  TenantService,
  UsageService,
  type Verdict,
} from 'countonce';

const TENANT = 'default';
const METER = 'characters';

/** The application's own view of metering: characters per owner. */
@Injectable()
export class Metering implements OnApplicationBootstrap {
  private tenantId = '';

  constructor(
    private readonly tenants: TenantService,
    private readonly meters: MeterService,
    private readonly recorder: Recorder,
    private readonly usage: UsageService,
  ) {}

  /** The tenant and the meter, made once: to ask for the same again changes nothing. */
  async onApplicationBootstrap(): Promise<void> {
    const known = await this.tenants.byName(TENANT);
    this.tenantId = known?.tenantId ?? (await this.tenants.create(TENANT));
    await this.meters.put(this.tenantId, METER, { aggregation: 'sum', push: 'off' });
  }

  /** Counts a document once, however often it is told; the document's id is the event's id. */
  async documentWritten(documentId: string, owner: string, characters: number): Promise<Verdict> {
    const checked = checkUsageEvent(
      {
        usage_event_id: documentId,
        source: 'documents',
        customer_id: owner,
        meter: METER,
        quantity: String(characters),
      },
      { mayAdjust: false },
    );
    if ('errors' in checked) throw new Error(checked.errors[0]?.detail ?? 'not a usage event');
    const [verdict] = await this.recorder.record(this.tenantId, [checked.event]);
    return verdict!;
  }

  /** @returns A decimal as text, `0` where nothing was recorded. */
  async charactersOf(owner: string): Promise<string> {
    try {
      const { data } = await this.usage.query(this.tenantId, {
        meter: METER,
        customer_id: owner,
        window: 'total',
      });
      return data[0]?.value ?? '0';
    } catch (error) {
      // A customer is made by its first event.
      if (error instanceof Problem && error.code === 'customer_not_found') return '0';
      throw error;
    }
  }
}
