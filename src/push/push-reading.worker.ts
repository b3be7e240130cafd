import {
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { Loop, type Turn } from '../clock/loop.js';
import { TroublePauses } from '../clock/trouble-pauses.js';
import { Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { withinTenant } from '../database/tenant-scope.js';
import { StripeUnavailable } from '../stripe/stripe-account.js';
import { PushReader } from './push-reader.js';
import { isLeftUnknown } from './push-reading.store.js';

const IDLE_MS = 1_000;
/** How long a tenant is left alone whose Stripe does not answer, at first and at the most. */
const TROUBLE_PAUSE_MS = 1_000;
const TROUBLE_PAUSE_MAX_MS = 10_000;

/** Somewhat before Stripe's 35: see outdated-pushes.store.ts. */
const OUTDATED_AFTER_DAYS = 34.5;

const TENANTS = `
  SELECT t.tenant_id AS "tenantId"
    FROM tenant t
   WHERE EXISTS (SELECT FROM push p
                  WHERE p.tenant_id = t.tenant_id AND p.status = 'pending'
                    AND p."timestamp" < clock_timestamp()
                          + t.clock_offset_micros * interval '1 microsecond' - $2 * interval '1 day')
      OR EXISTS (SELECT FROM push_reading r
                  WHERE r.tenant_id = t.tenant_id AND r.next_read_at <= clock_timestamp())
      OR EXISTS (SELECT FROM push p
                  WHERE p.tenant_id = t.tenant_id AND p.status = 'unknown'
                    AND p.target IS DISTINCT FROM 'file'
                    AND CASE WHEN p.next_attempt_at IS NULL
                             THEN p.kind = 'delta' OR (${isLeftUnknown('p.tenant_id')})
                             ELSE p.first_attempt_at
                                    <= clock_timestamp() - $1 * interval '1 second' END
                    AND NOT EXISTS (SELECT FROM push_reading r
                                     WHERE r.tenant_id = p.tenant_id
                                       AND r.identifier = p.identifier))`;

/** Reads back for every tenant, until it is stopped. Any number may run on one database. */
@Injectable()
export class PushReadingWorker implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger(PushReadingWorker.name);
  private readonly pauses = new TroublePauses(TROUBLE_PAUSE_MS, TROUBLE_PAUSE_MAX_MS);
  private readonly loop = new Loop('push reading', IDLE_MS, (isStopping) => this.round(isStopping));

  constructor(
    private readonly db: Database,
    private readonly config: Config,
    private readonly reader: PushReader,
  ) {}

  onApplicationBootstrap(): void {
    if (this.config.ROLE !== 'api') this.loop.start();
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.loop.stop();
  }

  private async round(isStopping: () => boolean): Promise<Turn> {
    const window = this.config.PUSH_RESEND_WINDOW_SECONDS;
    const tenants = await this.db.work.query<{ tenantId: string }>(TENANTS, [
      window,
      OUTDATED_AFTER_DAYS,
    ]);
    let read = 0;
    for (const { tenantId } of tenants) {
      if (isStopping()) break;
      if (this.pauses.isPaused(tenantId)) continue;
      try {
        read += await withinTenant(tenantId, () => this.reader.read(tenantId));
        this.pauses.succeeded(tenantId);
      } catch (error) {
        this.pauses.failed(tenantId);
        if (error instanceof StripeUnavailable) this.logger.warn(`${tenantId}: ${error.message}`);
        else this.logger.error(error, `reading back for tenant ${tenantId} failed; it goes on`);
      }
    }
    return read > 0 ? 'more' : 'idle';
  }
}
