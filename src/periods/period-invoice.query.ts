import type { Queryable } from '../database/connections.js';
import { formatInstantMicros, type Micros } from '../domain/instant.js';
import type { InvoiceStatus } from '../stripe/stripe-invoices.js';
import { periodKeyArrays, periodKeyText, type PeriodKey } from '../usage/period-values.js';

/** The Stripe invoice that bills a period. */
export interface PeriodInvoice {
  readonly id: string;
  readonly status: InvoiceStatus;
  /** When the draft becomes final by itself. */
  readonly finalizesAt: Micros | null;
}

/** By `periodKeyText`; of several the one that can still change, else the newest. */
export async function invoicesOf(
  db: Queryable,
  tenantId: string,
  periods: readonly (PeriodKey & { readonly periodEnd: Micros })[],
): Promise<Map<string, PeriodInvoice>> {
  if (periods.length === 0) return new Map();
  const rows = await db.query<PeriodKey & PeriodInvoice>(
    `SELECT DISTINCT ON (k.customer_no, k.meter_no, k.period_start)
            k.customer_no AS "customerNo", k.meter_no AS "meterNo",
            k.period_start AS "periodStart", v.invoice_id AS id, v.status,
            v.finalizes_at AS "finalizesAt"
       FROM unnest($2::bigint[], $3::integer[], $4::timestamptz[], $5::timestamptz[])
              AS k (customer_no, meter_no, period_start, period_end)
       JOIN invoice_period b ON b.tenant_id = $1 AND b.customer_no = k.customer_no
        AND b.meter_no = k.meter_no AND b.period_start <= k.period_start
        AND b.period_end >= k.period_end
       JOIN stripe_invoice v ON v.tenant_id = $1 AND v.account_id = b.account_id
        AND v.livemode = b.livemode AND v.invoice_id = b.invoice_id AND v.status <> 'deleted'
      ORDER BY 1, 2, 3, v.status = 'draft' DESC, v.made_at DESC`,
    [
      tenantId,
      ...periodKeyArrays(periods),
      periods.map(({ periodEnd }) => formatInstantMicros(periodEnd)),
    ],
  );
  return new Map(rows.map((row) => [periodKeyText(row), row]));
}

/** An invoice with the stretch of time that its line bills. */
export interface InvoiceFacts extends Omit<PeriodInvoice, 'status'> {
  readonly status: InvoiceStatus | 'deleted';
  readonly accountId: string;
  readonly livemode: boolean;
  readonly finalizedAt: Micros | null;
  readonly madeAt: Micros;
  readonly lineStart: Micros;
  readonly lineEnd: Micros;
}

/** Every invoice that bills a period, deleted and replaced ones too, the oldest first. */
export async function invoicesBehind(
  db: Queryable,
  tenantId: string,
  { customerNo, meterNo, periodStart, periodEnd }: PeriodKey & { readonly periodEnd: Micros },
): Promise<InvoiceFacts[]> {
  return db.query<InvoiceFacts>(
    `SELECT v.invoice_id AS id, v.status, v.finalizes_at AS "finalizesAt",
            v.finalized_at AS "finalizedAt", v.made_at AS "madeAt", v.account_id AS "accountId",
            v.livemode, b.period_start AS "lineStart", b.period_end AS "lineEnd"
       FROM invoice_period b
       JOIN stripe_invoice v ON v.tenant_id = b.tenant_id AND v.account_id = b.account_id
        AND v.livemode = b.livemode AND v.invoice_id = b.invoice_id
      WHERE b.tenant_id = $1 AND b.customer_no = $2 AND b.meter_no = $3
        AND b.period_start <= $4 AND b.period_end >= $5
      ORDER BY v.made_at, v.invoice_id`,
    [
      tenantId,
      customerNo,
      meterNo,
      formatInstantMicros(periodStart),
      formatInstantMicros(periodEnd),
    ],
  );
}
