import { periodSourcesOf } from '../customers/billing-source.store.js';
import type { Transaction } from '../database/connections.js';
import { MICROS_PER_MINUTE, type Micros } from '../domain/instant.js';
import { pricingOf } from '../domain/item-period.js';
import type { MappingChange } from '../domain/mapping-change.js';
import type { Aggregation, PushMode } from '../domain/meter.js';
import type { UnbillableReason } from '../outbox/hold-reason.js';
import { periodKeyArrays, type PeriodKey } from '../usage/period-values.js';

/** How long Stripe leaves the invoice of a period a draft, where nothing else is known. */
const DRAFT_TIME = 60 * MICROS_PER_MINUTE;

/** What a plan needs to know of a period but its usage and its pushes. */
export interface PeriodFacts extends PeriodKey {
  readonly periodEnd: Micros;
  readonly closed: boolean;
  readonly customerId: string;
  readonly erasuresBefore: number;
  readonly stripeCustomerId: string | null;
  /** What was said when `stripeCustomerId` last changed. */
  readonly customerMappingFrom: MappingChange | null;
  readonly meterKey: string;
  readonly aggregation: Aggregation;
  readonly stripeEventName: string | null;
  /** What was said when `stripeEventName` last changed. */
  readonly meterMappingFrom: MappingChange | null;
  /** Whether the period was closed by then, for each of the two. */
  readonly closedBefore: { readonly customerMapping: boolean; readonly meterMapping: boolean };
  readonly mode: PushMode;
  readonly pushFrom: Micros | null;
  /** When its invoice becomes final, as far as is known. */
  readonly finalizesAt: Micros;
  /** Why what is not pushed yet will never be billed. */
  readonly unbillable: UnbillableReason | null;
  /** Whether one subscription item bills it; nothing where Stripe does not say when it ends. */
  readonly pricing: 'one' | 'none' | 'several' | null;
  /** Whether its invoice may be final by now, and Stripe was not asked since. */
  readonly isInvoiceUnread: boolean;
}

interface FactsRow extends Omit<
  PeriodFacts,
  'finalizesAt' | 'pricing' | 'unbillable' | 'isInvoiceUnread' | 'closedBefore'
> {
  readonly closedBeforeCustomerMapping: boolean;
  readonly closedBeforeMeterMapping: boolean;
  readonly ofItem: boolean;
  readonly invoiceFinalizesAt: Micros | null;
  readonly isInvoiceFinal: boolean;
  readonly isCustomerDeleted: boolean;
  readonly invoicesReadAt: Micros | null;
  /** The tenant's. */
  readonly now: Micros;
}

const FACTS = `
  SELECT k.customer_no AS "customerNo", k.meter_no AS "meterNo", k.period_start AS "periodStart",
         p.period_end AS "periodEnd", p.closed_at IS NOT NULL AS "closed",
         c.customer_id AS "customerId", c.erasures_before AS "erasuresBefore",
         c.stripe_customer_id AS "stripeCustomerId",
         c.mapping_from AS "customerMappingFrom", m.key AS "meterKey", s.aggregation,
         s.stripe_event_name AS "stripeEventName", s.mapping_from AS "meterMappingFrom",
         coalesce(o.gate_version < c.mapping_version, false) AS "closedBeforeCustomerMapping",
         coalesce(o.gate_version < s.mapping_version, false) AS "closedBeforeMeterMapping",
         coalesce(c.push, s.push) AS "mode", s.push_from AS "pushFrom", p.of_item AS "ofItem",
         i.finalizes_at AS "invoiceFinalizesAt",
         coalesce(i.status <> 'draft', false) AS "isInvoiceFinal",
         EXISTS (SELECT FROM subscription_reading r
                  WHERE r.tenant_id = $1 AND r.stripe_customer_id = c.stripe_customer_id
                    AND r.deleted_at IS NOT NULL) AS "isCustomerDeleted",
         (SELECT max(r.invoices_read_at) FROM subscription_reading r
           WHERE r.tenant_id = $1 AND r.stripe_customer_id = c.stripe_customer_id)
           AS "invoicesReadAt",
         (SELECT clock_timestamp() + t.clock_offset_micros * interval '1 microsecond'
            FROM tenant t WHERE t.tenant_id = $1) AS "now"
    FROM unnest($2::bigint[], $3::integer[], $4::timestamptz[])
           AS k (customer_no, meter_no, period_start)
    JOIN billing_period p ON p.tenant_id = $1 AND p.customer_no = k.customer_no
     AND p.meter_no = k.meter_no AND p.period_start = k.period_start
    LEFT JOIN period_close o ON o.tenant_id = $1 AND o.period_close_id = p.period_close_id
    JOIN customer c ON c.tenant_id = $1 AND c.customer_no = k.customer_no
    JOIN meter m ON m.tenant_id = $1 AND m.meter_no = k.meter_no
    JOIN LATERAL (
           SELECT * FROM meter_settings s
            WHERE s.tenant_id = $1 AND s.meter_no = k.meter_no
            ORDER BY version DESC LIMIT 1) s ON true
    LEFT JOIN LATERAL (
           SELECT v.status, v.finalizes_at
             FROM invoice_period b
             JOIN stripe_invoice v ON v.tenant_id = $1 AND v.account_id = b.account_id
              AND v.livemode = b.livemode AND v.invoice_id = b.invoice_id
            WHERE b.tenant_id = $1 AND b.customer_no = k.customer_no AND b.meter_no = k.meter_no
              AND b.period_start <= k.period_start AND b.period_end >= p.period_end
              AND v.status <> 'deleted'
            ORDER BY v.status = 'draft' DESC, v.made_at DESC LIMIT 1) i ON true
   ORDER BY k.customer_no, k.meter_no, k.period_start`;

/** Periods that have no row any more are left out. */
export async function periodFacts(
  tx: Transaction,
  tenantId: string,
  keys: readonly PeriodKey[],
): Promise<PeriodFacts[]> {
  const rows = await tx.query<FactsRow>(FACTS, [tenantId, ...periodKeyArrays(keys)]);
  const ofItems = rows.filter(({ ofItem }) => ofItem);
  const customerNos = [...new Set(ofItems.map(({ customerNo }) => customerNo))];
  const sources = await periodSourcesOf(tx, tenantId, customerNos);
  return rows.map((row) => {
    const { ofItem, invoiceFinalizesAt, isInvoiceFinal, isCustomerDeleted, ...rest } = row;
    const { invoicesReadAt, now, closedBeforeCustomerMapping, ...others } = rest;
    const { closedBeforeMeterMapping, ...facts } = others;
    const { customerNo, meterNo, periodStart: start, periodEnd: end } = facts;
    const items = sources.get(customerNo)?.get(meterNo)?.items ?? [];
    const finalizesAt = invoiceFinalizesAt ?? end + DRAFT_TIME;
    return {
      ...facts,
      closedBefore: {
        customerMapping: closedBeforeCustomerMapping,
        meterMapping: closedBeforeMeterMapping,
      },
      finalizesAt,
      isInvoiceUnread: ofItem && finalizesAt <= now && (invoicesReadAt ?? 0) < finalizesAt,
      unbillable: unbillableOf(isInvoiceFinal, isCustomerDeleted),
      pricing: ofItem ? pricingOf(items, { start, end }) : null,
    };
  });
}

function unbillableOf(
  isInvoiceFinal: boolean,
  isCustomerDeleted: boolean,
): UnbillableReason | null {
  if (isInvoiceFinal) return 'invoice_finalized';
  return isCustomerDeleted ? 'customer_deleted' : null;
}
