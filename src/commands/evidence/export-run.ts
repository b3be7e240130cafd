import { requireCustomer } from '../../customers/require-customer.js';
import type { Transaction } from '../../database/connections.js';
import type { Database } from '../../database/database.js';
import { HeldTransaction } from '../../database/held-transaction.js';
import { withinTenant } from '../../database/tenant-scope.js';
import { EVIDENCE_FORMAT, EVIDENCE_VERSION, type EvidenceCounts } from '../../domain/evidence.js';
import { formatInstant, type Micros } from '../../domain/instant.js';
import { requireMeter } from '../../meters/require-meter.js';
import type { BillingPeriodRow } from '../../periods/billing-period.query.js';
import { CommandFailure } from '../command-failure.js';
import { evidenceOf, periodsInScope, type EvidenceScope } from './evidence-export.js';
import { EvidenceWriter, type Sink } from './evidence-writer.js';

export interface ExportRequest extends Pick<EvidenceScope, 'start' | 'from' | 'to'> {
  /** Its name. */
  readonly tenant: string;
  /** Id or alias. */
  readonly customer: string;
  /** Its key; undefined: all. */
  readonly meter: string | undefined;
  readonly withProperties: boolean;
  /** Name and version of what writes the file. */
  readonly product: string;
}

/** What an export does besides reading. */
export interface ExportHooks {
  /** Called once it is known that there is something to write. */
  open(): Promise<Sink>;
  onProgress(entries: number, expected: number): void;
  isStopping(): boolean;
}

export interface ExportReport {
  readonly periods: number;
  readonly lines: number;
  readonly counts: EvidenceCounts;
  readonly sha256: string;
}

interface NamedTenant {
  readonly id: string;
  readonly name: string;
}

const ENTRIES_PER_STEP = 1_000;

/**
 * Writes the evidence of what is asked for, all of it as of one instant.
 *
 * @returns Nothing where it was stopped; then nothing is left behind.
 */
export async function exportEvidence(
  db: Database,
  request: ExportRequest,
  hooks: ExportHooks,
): Promise<ExportReport | undefined> {
  const [tenant] = await db.work.query<NamedTenant>(
    'SELECT tenant_id AS id, name FROM tenant WHERE name = $1',
    [request.tenant],
  );
  if (tenant === undefined) {
    throw new CommandFailure(`No tenant is called ${request.tenant}.`, 'tenant_not_found');
  }
  return withinTenant(tenant.id, async () => {
    const held = await HeldTransaction.open(db.replay);
    try {
      // Before anything is read, so that all that follows is of one instant.
      await held.tx.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY');
      // Whoever reads the file from a pipe may be slow.
      await held.tx.query('SET LOCAL idle_in_transaction_session_timeout = 0');
      return await read(held.tx, tenant, request, hooks);
    } finally {
      await held.rollback().catch(() => undefined);
    }
  });
}

async function read(
  tx: Transaction,
  tenant: NamedTenant,
  request: ExportRequest,
  hooks: ExportHooks,
): Promise<ExportReport | undefined> {
  const { customer, meter, start, from, to } = request;
  const { customerNo } = await requireCustomer(tx, tenant.id, customer);
  const meterNo = meter === undefined ? null : (await requireMeter(tx, tenant.id, meter)).meterNo;
  const periods = await periodsInScope(tx, tenant.id, { customerNo, meterNo, start, from, to });
  if (periods.length === 0) {
    throw new CommandFailure(
      'The customer has no usage in such a period. GET /v1/customers/:id/billing-periods lists ' +
        'those that there are.',
      'billing_period_not_found',
    );
  }
  const [snapshot] = await tx.query<{ at: Micros }>('SELECT clock_timestamp() AS at');
  const sink = await hooks.open();
  try {
    return await write(tx, sink, tenant, request, { periods, at: snapshot!.at }, hooks);
  } catch (error) {
    await sink.drop();
    throw error;
  }
}

async function write(
  tx: Transaction,
  sink: Sink,
  tenant: NamedTenant,
  { withProperties, product }: ExportRequest,
  { periods, at }: { readonly periods: readonly BillingPeriodRow[]; readonly at: Micros },
  hooks: ExportHooks,
): Promise<ExportReport | undefined> {
  const expected = periods.reduce((sum, { eventCount }) => sum + (eventCount ?? 0), 0);
  const writer = new EvidenceWriter(sink);
  await writer.write({
    type: 'header',
    format: EVIDENCE_FORMAT,
    version: EVIDENCE_VERSION,
    product,
    exported_at: formatInstant(at),
    tenant,
    customer_id: periods[0]!.customerId,
    meters: [...new Set(periods.map((period) => period.meter))],
    periods: periods.length,
    properties: withProperties,
  });
  for await (const line of evidenceOf(tx, tenant.id, periods, withProperties)) {
    if (hooks.isStopping()) {
      await sink.drop();
      return undefined;
    }
    await writer.write(line);
    const { entry } = writer.counts;
    if (entry % ENTRIES_PER_STEP === 0) hooks.onProgress(entry, Math.max(expected, entry));
  }
  const sha256 = await writer.end();
  return { periods: periods.length, lines: writer.lines + 1, counts: writer.counts, sha256 };
}
