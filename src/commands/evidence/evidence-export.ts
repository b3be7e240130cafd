import { entriesAbout } from '../../access/audit/audit-read.store.js';
import type { Transaction } from '../../database/connections.js';
import { formatInstantMicros, type Micros } from '../../domain/instant.js';
import { amendmentsOf } from '../../periods/amendment.query.js';
import {
  billingPeriods,
  type BillingPeriodFilter,
  type BillingPeriodRow,
} from '../../periods/billing-period.query.js';
import { invoicesBehind } from '../../periods/period-invoice.query.js';
import { statementAnswers } from '../../periods/statement-answer.js';
import { transitionsOf, type TransitionRow } from '../../push/push-list.store.js';
import { laneVerdicts } from '../../reconciliation/lane-verdict.store.js';
import { requirePeriodInLedger } from '../../usage/gone-events.store.js';
import { periodKeyText } from '../../usage/period-values.js';
import { periodHolds, periodPushes } from '../../usage/period-pushes.store.js';
import { statementEntries } from '../../usage/statement-entry.store.js';
import { eventsAbout } from '../../webhooks/events-about.store.js';
import {
  auditLine,
  entryLine,
  holdLine,
  invoiceLine,
  pushLine,
  reconciliationLine,
  statementLines,
  stripeEventLine,
  type EvidenceLine,
} from './evidence-lines.js';

const PERIODS_PER_PAGE = 1_000;
const AUDIT_PER_PAGE = 500;

/** Which periods of a customer are asked for. */
export interface EvidenceScope {
  readonly customerNo: number;
  readonly meterNo: number | null;
  /** The one period that begins then. */
  readonly start: Micros | null;
  /** Periods that end after it. */
  readonly from: Micros | null;
  /** Periods that begin before it. */
  readonly to: Micros | null;
}

/** What the lines so far are about: what Stripe's events and the audit are asked for. */
interface Mentioned {
  readonly invoiceIds: Set<string>;
  readonly stripeCustomerIds: Set<string>;
  readonly pushes: string[];
  readonly subjects: Set<string>;
}

export async function periodsInScope(
  tx: Transaction,
  tenantId: string,
  { customerNo, meterNo, start, from, to }: EvidenceScope,
): Promise<BillingPeriodRow[]> {
  const filter: BillingPeriodFilter = { customerNo, meterNo, start, status: null };
  const periods: BillingPeriodRow[] = [];
  for (;;) {
    const last = periods.at(-1);
    const after =
      last === undefined
        ? undefined
        : [formatInstantMicros(last.periodStart), String(last.meterNo)];
    const page = await billingPeriods(tx, tenantId, filter, after, PERIODS_PER_PAGE);
    periods.push(...page);
    if (page.length < PERIODS_PER_PAGE) break;
  }
  return periods.filter(
    ({ periodStart, periodEnd }) =>
      (from === null || periodEnd > from) && (to === null || periodStart < to),
  );
}

/**
 * Everything that is known of some periods of one customer, line by line. Only one page of entries
 * is held; what is held beside it grows with the pushes and the single voids.
 *
 * @param tx One snapshot for all of it.
 * @throws Problem `ledger_month_missing` where entries of a period have left the ledger.
 */
export async function* evidenceOf(
  tx: Transaction,
  tenantId: string,
  periods: readonly BillingPeriodRow[],
  withProperties: boolean,
): AsyncGenerator<EvidenceLine, void, undefined> {
  const mentioned: Mentioned = {
    invoiceIds: new Set(),
    stripeCustomerIds: new Set(),
    pushes: [],
    subjects: new Set(periods.map(({ customerId }) => `customer:${customerId}`)),
  };
  for (const period of periods) {
    await requirePeriodInLedger(tx, tenantId, period);
    const [answer] = await statementAnswers(tx, tenantId, [period]);
    const amended = { ...period, value: answer!.value };
    const amendments = await amendmentsOf(tx, tenantId, [amended]);
    yield* statementLines(period, answer!, amendments.get(periodKeyText(period)) ?? []);
    mentioned.subjects.add(`meter:${period.meter}`);
    if (period.closeId !== null) mentioned.subjects.add(`period_close:${period.closeId}`);
    for await (const page of statementEntries(tx, tenantId, period)) {
      for (const row of page) {
        if (row.isVoid) {
          const { bulkVoidId, eventKey } = row;
          const isBulk = bulkVoidId !== null;
          mentioned.subjects.add(isBulk ? `void:${bulkVoidId}` : `usage_event:${eventKey}`);
        }
        yield entryLine(period, row, withProperties);
      }
    }
    yield* pushedOf(tx, tenantId, period, mentioned);
  }
  const { pushes, subjects } = mentioned;
  const invoiceIds = [...mentioned.invoiceIds];
  const stripeCustomerIds = [...mentioned.stripeCustomerIds];
  for await (const event of eventsAbout(tx, tenantId, { invoiceIds, stripeCustomerIds, pushes })) {
    subjects.add(`stripe_event:${event.eventId}`);
    yield stripeEventLine(event);
  }
  yield* auditOf(tx, tenantId, [...subjects]);
}

/** What went to Stripe of a period, what did not, and what became of it there. */
async function* pushedOf(
  tx: Transaction,
  tenantId: string,
  period: BillingPeriodRow,
  { invoiceIds, stripeCustomerIds, pushes: names, subjects }: Mentioned,
): AsyncGenerator<EvidenceLine, void, undefined> {
  const pushes = await periodPushes(tx, tenantId, period);
  const identifiers = pushes.map(({ identifier }) => identifier);
  const transitions = new Map<string, TransitionRow[]>();
  for (const row of await transitionsOf(tx, tenantId, identifiers)) {
    transitions.set(row.identifier, [...(transitions.get(row.identifier) ?? []), row]);
  }
  for (const push of pushes) {
    names.push(push.identifier);
    subjects.add(`push:${push.identifier}`);
    stripeCustomerIds.add(push.stripeCustomerId);
    yield pushLine(period, push, transitions.get(push.identifier) ?? []);
  }
  for (const hold of await periodHolds(tx, tenantId, period)) yield holdLine(period, hold);
  for (const invoice of await invoicesBehind(tx, tenantId, period)) {
    invoiceIds.add(invoice.id);
    yield invoiceLine(period, invoice);
  }
  for (const lane of await laneVerdicts(tx, tenantId, period)) {
    subjects.add(`reconciliation:${lane.reconciliationId}`);
    yield reconciliationLine(period, lane);
  }
}

async function* auditOf(
  tx: Transaction,
  tenantId: string,
  subjects: readonly string[],
): AsyncGenerator<EvidenceLine, void, undefined> {
  let after = 0;
  for (;;) {
    const page = await entriesAbout(tx, tenantId, subjects, { after, limit: AUDIT_PER_PAGE });
    yield* page.map(auditLine);
    if (page.length < AUDIT_PER_PAGE) return;
    after = page.at(-1)!.sequence;
  }
}
