import type { Config } from '../src/config/config.js';
import type { Database } from '../src/database/database.js';
import { Metrics } from '../src/metrics/metrics.js';
import { InvoiceChecker } from '../src/reconciliation/invoice-check.js';
import { LaneReader } from '../src/reconciliation/lane-reader.js';
import { ReconciliationRunner } from '../src/reconciliation/reconciliation-runner.js';
import { ReconciliationService } from '../src/reconciliation/reconciliation.service.js';
import { ReconciliationTimer } from '../src/reconciliation/reconciliation.timer.js';
import { RepairService } from '../src/reconciliation/repair.service.js';
import { PlaceFinder } from '../src/reconciliation/restore/place-finder.js';
import { RestorationService } from '../src/reconciliation/restore/restoration.service.js';
import type { StripeAccounts } from '../src/stripe/stripe-accounts.js';
import { StripeInvoiceList } from '../src/stripe/stripe-invoice-list.js';
import { StripeInvoices } from '../src/stripe/stripe-invoices.js';
import type { StripeMeters } from '../src/stripe/stripe-meters.js';
import type { StripeReads } from '../src/stripe/stripe-reads.js';
import { StripeSummaries } from '../src/stripe/stripe-summaries.js';

/** What holds our pushes against Stripe, by the clock and by command, in one process. */
export class StormReconciliation {
  readonly timer: ReconciliationTimer;
  private readonly reconciliations: ReconciliationService;
  private readonly repairs: RepairService;

  constructor(
    db: Database,
    config: Readonly<Config>,
    accounts: StripeAccounts,
    meters: StripeMeters,
    reads: StripeReads,
  ) {
    const summaries = new StripeSummaries(reads);
    const invoices = new InvoiceChecker(
      db,
      new StripeInvoices(reads),
      new StripeInvoiceList(reads),
    );
    const lanes = new LaneReader(db, config, accounts, summaries, invoices);
    const runner = new ReconciliationRunner(db, lanes, new Metrics());
    const finder = new PlaceFinder(db, accounts, meters, summaries);
    const restoration = new RestorationService(db, config, finder);
    this.timer = new ReconciliationTimer(db, config, runner, restoration);
    this.reconciliations = new ReconciliationService(db, runner);
    this.repairs = new RepairService(db, this.reconciliations);
  }

  /** What an operator does about a drift. @returns How many lanes were repaired. */
  async repair(tenantId: string): Promise<number> {
    const { id } = await this.reconciliations.reconcile(tenantId, {});
    const { lanes } = await this.repairs.repair(tenantId, id, false);
    return lanes.length;
  }
}
