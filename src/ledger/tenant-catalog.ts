import { LRUCache } from 'lru-cache';
import { periodSourcesOf } from '../customers/billing-source.store.js';
import { customersByIdentity } from '../customers/customer.store.js';
import type { Queryable } from '../database/connections.js';
import type { GateState } from '../database/gate.js';
import type { ScheduleTimeline } from '../domain/billing-period.js';
import type { Micros } from '../domain/instant.js';
import type { Meter } from '../domain/meter.js';
import type { PeriodSource } from '../domain/period-source.js';
import { metersByEventType } from '../domain/usage-match.js';
import { metersOf } from '../meters/meter.store.js';
import { OpenPeriods } from './open-periods.js';

const CUSTOMERS_MAX = 50_000;

/** Stands for all customers or all meters in `close_mark`. */
const ALL = 0;

export interface KnownCustomer {
  readonly customerNo: number;
  readonly timeline: ScheduleTimeline;
  /** By meter: how far commands have closed this customer's periods. */
  readonly closedThrough: ReadonlyMap<number, Micros>;
  /** By meter, where its periods are, or were, asked for at Stripe. */
  readonly sources: ReadonlyMap<number, PeriodSource>;
  readonly openPeriods: OpenPeriods;
}

const NO_SOURCES: ReadonlyMap<number, PeriodSource> = new Map();

/**
 * What recording needs to know of a tenant, as of one version of its gate. It is read before the
 * gate and believed only if the version behind the gate is still the same.
 */
export class TenantCatalog {
  private readonly customers = new LRUCache<string, KnownCustomer>({ max: CUSTOMERS_MAX });

  private constructor(
    private readonly tenantId: string,
    private readonly gateVersion: number,
    private readonly serverStart: Micros,
    readonly hashKey: Buffer,
    readonly byType: ReadonlyMap<string, readonly Meter[]>,
    private readonly closedForAll: ReadonlyMap<number, Micros>,
    private readonly hasSources: boolean,
  ) {}

  static async read(db: Queryable, tenantId: string): Promise<TenantCatalog> {
    // The version first: what changes after it shows as another version behind the gate.
    const [tenant] = await db.query<{
      gateVersion: number;
      serverStart: Micros;
      hashKey: Buffer;
      hasSources: boolean;
    }>(
      `SELECT gate_version AS "gateVersion", pg_postmaster_start_time() AS "serverStart",
              hash_key AS "hashKey",
              EXISTS (SELECT FROM billing_source WHERE tenant_id = $1) AS "hasSources"
         FROM tenant WHERE tenant_id = $1`,
      [tenantId],
    );
    if (tenant === undefined) throw new Error('no such tenant');
    const byType = metersByEventType(await metersOf(db, tenantId));
    const marks = await readMarks(db, tenantId, [ALL]);
    return new TenantCatalog(
      tenantId,
      tenant.gateVersion,
      tenant.serverStart,
      tenant.hashKey,
      byType,
      marks.get(ALL) ?? new Map(),
      tenant.hasSources,
    );
  }

  /** Whether what was read before the gate still holds behind it. */
  holds({ gateVersion, serverStart }: GateState): boolean {
    return gateVersion === this.gateVersion && serverStart === this.serverStart;
  }

  customer(identity: string): KnownCustomer | undefined {
    return this.customers.get(identity);
  }

  /** Reads those of the customers that are not known yet; unknown ones stay unknown. */
  async load(db: Queryable, identities: ReadonlySet<string>): Promise<void> {
    const missing = [...identities].filter((identity) => !this.customers.has(identity));
    if (missing.length === 0) return;
    const found = await customersByIdentity(db, this.tenantId, missing);
    const customerNos = [...found.values()].map((customer) => customer.customerNo);
    const marks = await readMarks(db, this.tenantId, customerNos);
    const sourced = this.hasSources
      ? await periodSourcesOf(db, this.tenantId, customerNos)
      : undefined;
    for (const [identity, { customerNo, timeline }] of found) {
      const closedThrough = marks.get(customerNo) ?? new Map<number, Micros>();
      const sources = sourced?.get(customerNo) ?? NO_SOURCES;
      const openPeriods = new OpenPeriods();
      this.customers.set(identity, { customerNo, timeline, closedThrough, sources, openPeriods });
    }
  }

  /** How far commands have closed one customer's periods of one meter, but for the tenant's own mark. */
  closedThrough(customer: KnownCustomer | undefined, meterNo: number): Micros {
    return Math.max(
      this.closedForAll.get(ALL) ?? 0,
      this.closedForAll.get(meterNo) ?? 0,
      customer?.closedThrough.get(ALL) ?? 0,
      customer?.closedThrough.get(meterNo) ?? 0,
    );
  }
}

async function readMarks(
  db: Queryable,
  tenantId: string,
  customerNos: readonly number[],
): Promise<Map<number, Map<number, Micros>>> {
  const rows = await db.query<{ customerNo: number; meterNo: number; closedThrough: Micros }>(
    `SELECT customer_no AS "customerNo", meter_no AS "meterNo", closed_through AS "closedThrough"
       FROM close_mark WHERE tenant_id = $1 AND customer_no = ANY ($2::bigint[])`,
    [tenantId, customerNos],
  );
  const byCustomer = new Map<number, Map<number, Micros>>();
  for (const row of rows) {
    const marks = byCustomer.get(row.customerNo) ?? new Map<number, Micros>();
    byCustomer.set(row.customerNo, marks.set(row.meterNo, row.closedThrough));
  }
  return byCustomer;
}
