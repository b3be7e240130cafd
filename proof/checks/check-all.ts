import type pg from 'pg';
import type { SimulatedStripe } from '../../src/commands/demo/simulated-stripe.js';
import type { StripeIds } from '../scenery.js';
import { checkDeadlocks } from './check-deadlocks.js';
import { checkHistory } from './check-history.js';
import { checkLedger } from './check-ledger.js';
import { checkSecondTenant } from './check-second-tenant.js';
import { checkStatements } from './check-statements.js';
import { checkStripe } from './check-stripe.js';
import { checkTotals } from './check-totals.js';
import type { Check } from './check.js';
import { loadHistory } from './load-history.js';

/**
 * Holds the history of a run against everything that was made of it.
 *
 * @param subject.isProduct A variant closes nothing and pushes nothing, so that is not looked at.
 */
export async function checkAll(
  admin: pg.Client,
  subject: {
    readonly file: string;
    /** PostgreSQL's. */
    readonly log: string;
    readonly stripe: SimulatedStripe;
    readonly stripeIds: StripeIds;
    readonly isProduct: boolean;
  },
): Promise<Check[]> {
  await loadHistory(admin, subject.file);
  const checks = [
    ...(await checkHistory(admin)),
    ...(await checkLedger(admin)),
    await checkDeadlocks(subject.log),
    ...(await checkTotals(admin)),
    await checkSecondTenant(admin),
  ];
  if (!subject.isProduct) return checks;
  return [
    ...checks,
    ...(await checkStatements(admin)),
    ...(await checkStripe(admin, subject.stripe, subject.stripeIds)),
  ];
}
