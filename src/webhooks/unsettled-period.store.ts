import type { CustomerMeter } from '../customers/billing-source.store.js';
import type { Queryable } from '../database/connections.js';
import { formatInstantMicros, MICROS_PER_DAY, type Micros } from '../domain/instant.js';

/** An invoice is drawn up when the period ends, and may be by hand some days later. */
const DRAWN_UP_WITHIN = 40 * MICROS_PER_DAY;

/** A period that has ended by what Stripe says, and of which no final invoice is known. */
export interface UnsettledPeriod extends CustomerMeter {
  readonly start: Micros;
  readonly end: Micros;
  /** The draft that bills it, as far as is known. */
  readonly draftId: string | null;
  readonly finalizesAt: Micros | null;
}

const UNSETTLED = `
  SELECT p.customer_no AS "customerNo", p.meter_no AS "meterNo", p.period_start AS "start",
         p.period_end AS "end", i.invoice_id AS "draftId", i.finalizes_at AS "finalizesAt"
    FROM customer c
    JOIN billing_period p ON p.tenant_id = $1 AND p.customer_no = c.customer_no
     AND p.of_item AND p.period_end <= $3::timestamptz AND p.period_end > $4::timestamptz
    JOIN LATERAL (
         SELECT stripe_event_name FROM meter_settings s
          WHERE s.tenant_id = $1 AND s.meter_no = p.meter_no
          ORDER BY version DESC LIMIT 1) s ON s.stripe_event_name IS NOT NULL
    LEFT JOIN LATERAL (
         SELECT v.invoice_id, v.status, v.finalizes_at
           FROM invoice_period b
           JOIN stripe_invoice v ON v.tenant_id = $1 AND v.account_id = b.account_id
            AND v.livemode = b.livemode AND v.invoice_id = b.invoice_id
          WHERE b.tenant_id = $1 AND b.customer_no = p.customer_no
            AND b.meter_no = p.meter_no AND b.period_start <= p.period_start
            AND b.period_end >= p.period_end AND v.status <> 'deleted'
          ORDER BY v.status = 'draft' DESC, v.made_at DESC LIMIT 1) i ON true
   WHERE c.tenant_id = $1 AND c.stripe_customer_id = $2 AND coalesce(i.status, 'draft') = 'draft'`;

export async function unsettledPeriods(
  db: Queryable,
  tenantId: string,
  stripeCustomerId: string,
  now: Micros,
): Promise<UnsettledPeriod[]> {
  return db.query(UNSETTLED, [
    tenantId,
    stripeCustomerId,
    formatInstantMicros(now),
    formatInstantMicros(now - DRAWN_UP_WITHIN),
  ]);
}

/** Which of a Stripe account's invoices are known to be as final as they are listed now. */
export async function keptInvoices(
  db: Queryable,
  tenantId: string,
  { accountId, livemode }: { readonly accountId: string; readonly livemode: boolean },
  invoices: readonly { readonly invoiceId: string; readonly status: string }[],
): Promise<Set<string>> {
  const rows = await db.query<{ id: string }>(
    `SELECT v.invoice_id AS "id"
       FROM unnest($4::text[], $5::text[]) AS l (invoice_id, status)
       JOIN stripe_invoice v ON v.tenant_id = $1 AND v.account_id = $2 AND v.livemode = $3
        AND v.invoice_id = l.invoice_id AND v.status = l.status AND v.status <> 'draft'`,
    [
      tenantId,
      accountId,
      livemode,
      invoices.map(({ invoiceId }) => invoiceId),
      invoices.map(({ status }) => status),
    ],
  );
  return new Set(rows.map(({ id }) => id));
}
