import type { Config } from '../../src/config/config.js';
import type { Database } from '../../src/database/database.js';
import { Metrics } from '../../src/metrics/metrics.js';
import { InvoiceChecker } from '../../src/reconciliation/invoice-check.js';
import { LaneReader } from '../../src/reconciliation/lane-reader.js';
import { ReconciliationRunner } from '../../src/reconciliation/reconciliation-runner.js';
import { ReconciliationService } from '../../src/reconciliation/reconciliation.service.js';
import { ReconciliationTimer } from '../../src/reconciliation/reconciliation.timer.js';
import { RepairService } from '../../src/reconciliation/repair.service.js';
import { PlaceFinder } from '../../src/reconciliation/restore/place-finder.js';
import { RestorationService } from '../../src/reconciliation/restore/restoration.service.js';
import { StripeAccounts } from '../../src/stripe/stripe-accounts.js';
import { StripeInvoiceList } from '../../src/stripe/stripe-invoice-list.js';
import { StripeInvoices } from '../../src/stripe/stripe-invoices.js';
import { StripeMeters } from '../../src/stripe/stripe-meters.js';
import { StripeReads } from '../../src/stripe/stripe-reads.js';
import { StripeSummaries } from '../../src/stripe/stripe-summaries.js';

export interface ReconciliationProcess {
  readonly reconciliations: ReconciliationService;
  readonly repairs: RepairService;
  readonly runner: ReconciliationRunner;
  readonly restoration: RestorationService;
  readonly timer: ReconciliationTimer;
}

/** The services of one process, as the module wires them. */
export function reconciliationProcess(
  db: Database,
  config: Readonly<Config>,
): ReconciliationProcess {
  const reads = new StripeReads(db, config);
  const accounts = new StripeAccounts(db, config);
  const summaries = new StripeSummaries(reads);
  const invoices = new InvoiceChecker(db, new StripeInvoices(reads), new StripeInvoiceList(reads));
  const lanes = new LaneReader(db, config, accounts, summaries, invoices);
  const runner = new ReconciliationRunner(db, lanes, new Metrics());
  const reconciliations = new ReconciliationService(db, runner);
  const repairs = new RepairService(db, reconciliations);
  const finder = new PlaceFinder(db, accounts, new StripeMeters(db, accounts), summaries);
  const restoration = new RestorationService(db, config, finder);
  const timer = new ReconciliationTimer(db, config, runner, restoration);
  return { reconciliations, repairs, runner, restoration, timer };
}
