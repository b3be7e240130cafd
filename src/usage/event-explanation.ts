import type { Queryable } from '../database/connections.js';
import { formatInstant, formatInstantMicros, type Micros } from '../domain/instant.js';
import { BILLING_INVOICE } from '../outbox/billing-invoice.js';
import type { InvoiceStatus } from '../stripe/stripe-invoices.js';
import { carriersOf } from './carrying-pushes.js';
import type { EventExplanation } from './counted-in.answer.js';
import type { EntryAnswer, Placement } from './entry.answer.js';
import type { LedgerRow } from './ledger.query.js';
import { periodPushes, type PeriodPush } from './period-pushes.store.js';
import { periodKeyText, type PeriodKey } from './period-values.js';

interface Invoice {
  readonly id: string;
  readonly status: InvoiceStatus;
  readonly finalizesAt: Micros | null;
  readonly finalizedAt: Micros | null;
}

/** What a period's entries became at Stripe. */
interface Billing {
  readonly pushes: readonly PeriodPush[];
  readonly invoice: Invoice | undefined;
}

/**
 * Why one event is billed where it is, which pushes told Stripe of it, what Stripe said to them, and
 * which invoice bills it.
 *
 * @param ledger All entries of the event that count.
 * @returns By the meter's key, the fields that are said of it.
 */
export async function explainEvent(
  db: Queryable,
  tenantId: string,
  ledger: readonly LedgerRow[],
): Promise<Map<string, EventExplanation>> {
  const billings = new Map<string, Billing>();
  for (const entry of ledger) {
    const key = periodKeyText(entry);
    if (entry.billable && !billings.has(key)) {
      billings.set(key, {
        pushes: await periodPushes(db, tenantId, entry),
        invoice: await invoiceOf(db, tenantId, entry),
      });
    }
  }
  const billingOf = (entry: LedgerRow): Billing | undefined => billings.get(periodKeyText(entry));
  return new Map(
    ledger
      .filter(({ isVoid }) => !isVoid)
      .map((usage) => {
        const entries = ledger.filter(({ meterNo }) => meterNo === usage.meterNo);
        const told = entries.map((entry) => ({
          ...toEntry(entry),
          carried_by: carriedBy(entry, billingOf(entry)),
        }));
        return [usage.meter, { ...explained(usage, billingOf(usage)), entries: told }];
      }),
  );
}

/** An entry as a statement adds it up. */
export function toEntry(entry: LedgerRow): EntryAnswer {
  return {
    meter: entry.meter,
    is_void: entry.isVoid,
    value: entry.value,
    period_start: formatInstant(entry.periodStart),
    revision: entry.revision,
    placement: placementOf(entry),
    origin_period_start: formatInstant(entry.originStart),
    late: entry.late,
    recorded_at: formatInstant(entry.receivedAt),
  };
}

/** Why it is billed where it is. */
function placementOf({ billable, revision, originStart, periodStart }: LedgerRow): Placement {
  if (!billable) return 'not_billable';
  if (revision > 0) return 'amendment';
  return originStart === periodStart ? 'own_period' : 'carried_forward';
}

function explained(
  usage: LedgerRow,
  billing: Billing | undefined,
): Omit<EventExplanation, 'entries'> {
  const { periodOfItem, periodClosedAt } = usage;
  const source = periodOfItem === null ? null : periodOfItem ? 'stripe' : 'schedule';
  return {
    placement: placementOf(usage),
    origin_period_start: formatInstant(usage.originStart),
    revision: usage.revision,
    period_source: source,
    period_closed_at: orNull(periodClosedAt),
    pushes: (billing?.pushes ?? []).map(toPush),
    invoice: toInvoice(billing?.invoice),
  };
}

function toPush(push: PeriodPush): EventExplanation['pushes'][number] {
  return {
    identifier: push.identifier,
    status: push.status,
    kind: push.kind,
    hour: orNull(push.hour),
    value: push.value,
    timestamp: formatInstant(push.timestamp),
    reason: push.reason,
    settled_by: push.settledBy,
    delivered_at: orNull(push.deliveredAt),
  };
}

function carriedBy(
  entry: LedgerRow,
  billing: Billing | undefined,
): EventExplanation['entries'][number]['carried_by'] {
  return carriersOf(entry, billing?.pushes ?? []).map(({ push, certain }) => ({
    identifier: push.identifier,
    status: push.status,
    settled_by: push.settledBy,
    certain,
  }));
}

function toInvoice(invoice: Invoice | undefined): EventExplanation['invoice'] {
  if (invoice === undefined) return null;
  const { id, status, finalizesAt, finalizedAt } = invoice;
  return { id, status, finalizes_at: orNull(finalizesAt), finalized_at: orNull(finalizedAt) };
}

async function invoiceOf(
  db: Queryable,
  tenantId: string,
  { customerNo, meterNo, periodStart }: PeriodKey,
): Promise<Invoice | undefined> {
  const [invoice] = await db.query<Invoice>(
    `SELECT i.invoice_id AS id, i.status, i.finalizes_at AS "finalizesAt",
            i.finalized_at AS "finalizedAt"
       FROM billing_period o CROSS JOIN LATERAL (${BILLING_INVOICE}) i
      WHERE o.tenant_id = $1 AND o.customer_no = $2 AND o.meter_no = $3 AND o.period_start = $4`,
    [tenantId, customerNo, meterNo, formatInstantMicros(periodStart)],
  );
  return invoice;
}

function orNull(instant: Micros | null): string | null {
  return instant === null ? null : formatInstant(instant);
}
