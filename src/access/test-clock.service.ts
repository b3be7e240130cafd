import { Injectable } from '@nestjs/common';
import { Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { behindClosedGate } from '../database/gate.js';
import { formatInstant, type Micros } from '../domain/instant.js';
import { Problem, ValidationProblem } from '../problem/problem.js';
import { audit } from './audit/audit.js';
import { TenantService } from './tenant.service.js';
import { DEFAULT_TENANT } from './tenant.entity.js';

const TEST_KEY = /^[sr]k_test_/;
/** Usage before 2000 is refused; the other end leaves room for periods after it. */
const EARLIEST = Date.UTC(2000, 0, 1) * 1_000;
const LATEST = Date.UTC(2200, 0, 1) * 1_000;

/** The tenant's clock for periods, closes and pushes, so that a month end can be tried. */
@Injectable()
export class TestClockService {
  constructor(
    private readonly db: Database,
    private readonly config: Config,
    private readonly tenants: TenantService,
  ) {}

  /**
   * Makes the tenant's clock read `now` and go on from there; null: the real time.
   *
   * @returns What the clock reads.
   * @throws Problem `test_clock_live` where pushes would reach customers' real invoices.
   */
  async set(tenantId: string, now: Micros | null): Promise<Micros> {
    if (now !== null && (now < EARLIEST || now >= LATEST)) throw outOfRange();
    if (now !== null && (await this.isLive(tenantId))) {
      throw new Problem('test_clock_live', 'the Stripe key is a live one');
    }
    return behindClosedGate(this.db.work, tenantId, async (tx, gate) => {
      const [clock] = await tx.query<{ realNow: Micros }>('SELECT clock_timestamp() AS "realNow"');
      const { realNow } = clock!;
      await tx.query('UPDATE tenant SET clock_offset_micros = $2 WHERE tenant_id = $1', [
        tenantId,
        now === null ? 0 : now - realNow,
      ]);
      await audit(tx, tenantId, {
        action: 'test_clock.set',
        subject: 'test_clock',
        before: { now: formatInstant(gate.now) },
        after: { now: now === null ? null : formatInstant(now) },
      });
      return now ?? realNow;
    });
  }

  /**
   * Ends the test clock of the tenant whose Stripe key is a live one now: what is recorded, closed
   * and pushed from here on is for real.
   *
   * @returns Whether there was one to end.
   */
  async endInLiveMode(): Promise<boolean> {
    const tenant = await this.tenants.byName(DEFAULT_TENANT);
    if (tenant === undefined || !(await this.isLive(tenant.tenantId))) return false;
    const [ticking] = await this.db.work.query(
      'SELECT FROM tenant WHERE tenant_id = $1 AND clock_offset_micros <> 0',
      [tenant.tenantId],
    );
    if (ticking === undefined) return false;
    await this.set(tenant.tenantId, null);
    return true;
  }

  /** The account that the tenant set goes before the key of the environment. */
  private async isLive(tenantId: string): Promise<boolean> {
    const [account] = await this.db.work.query<{ livemode: boolean }>(
      'SELECT livemode FROM stripe_account WHERE tenant_id = $1',
      [tenantId],
    );
    if (account !== undefined) return account.livemode;
    const key = this.config.STRIPE_SECRET_KEY;
    if (key === undefined || TEST_KEY.test(key)) return false;
    return (await this.tenants.byId(tenantId))?.name === DEFAULT_TENANT;
  }
}

function outOfRange(): Problem {
  const detail = 'now must lie in the years 2000 to 2199';
  return new ValidationProblem([{ pointer: '/now', code: 'invalid', detail }]);
}
