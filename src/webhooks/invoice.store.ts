import type { CustomerMeter } from '../customers/billing-source.store.js';
import type { Queryable, Transaction } from '../database/connections.js';
import { formatInstantMicros, type Micros } from '../domain/instant.js';
import type { StripeAccount } from '../stripe/stripe-account.js';
import type { ReadInvoice } from '../stripe/stripe-invoices.js';

/** What an invoice bills of a customer and a meter of ours. */
export interface InvoicedUsage extends CustomerMeter {
  readonly start: Micros;
  readonly end: Micros;
}

/** The customer and the meters that Stripe's names stand for. */
export async function customerMetersOf(
  db: Queryable,
  tenantId: string,
  { accountId, livemode }: StripeAccount,
  stripeCustomerId: string,
): Promise<(CustomerMeter & { stripeMeterId: string; isSourced: boolean })[]> {
  return db.query(
    `SELECT c.customer_no AS "customerNo", m.meter_no AS "meterNo",
            sm.stripe_meter_id AS "stripeMeterId", coalesce(b.source = 'stripe', false) AS "isSourced"
       FROM customer c
       JOIN meter m ON m.tenant_id = $1
       JOIN LATERAL (SELECT stripe_event_name FROM meter_settings s
              WHERE s.tenant_id = $1 AND s.meter_no = m.meter_no
              ORDER BY version DESC LIMIT 1) s ON s.stripe_event_name IS NOT NULL
       JOIN stripe_meter sm ON sm.tenant_id = $1 AND sm.account_id = $2
        AND sm.livemode = $3 AND sm.event_name = s.stripe_event_name
       LEFT JOIN LATERAL (SELECT source FROM billing_source b
              WHERE b.tenant_id = $1 AND b.customer_no = c.customer_no
                AND b.meter_no = m.meter_no
              ORDER BY version DESC LIMIT 1) b ON true
      WHERE c.tenant_id = $1 AND c.stripe_customer_id = $4`,
    [tenantId, accountId, livemode, stripeCustomerId],
  );
}

/**
 * Keeps what was read of an invoice. Of a final one an older reading says nothing any more.
 *
 * @returns Whether it was not known to have this status: its periods may owe another thing now.
 */
export async function keepInvoice(
  tx: Transaction,
  tenantId: string,
  { accountId, livemode }: StripeAccount,
  invoice: ReadInvoice,
  usage: readonly InvoicedUsage[],
): Promise<boolean> {
  const [row] = await tx.query<{ status: string }>(
    `SELECT status FROM stripe_invoice
      WHERE tenant_id = $1 AND account_id = $2 AND livemode = $3 AND invoice_id = $4 FOR UPDATE`,
    [tenantId, accountId, livemode, invoice.invoiceId],
  );
  await tx.query(UPSERT_INVOICE, [
    tenantId,
    accountId,
    livemode,
    invoice.invoiceId,
    invoice.status,
    invoice.finalizesAt === null ? null : formatInstantMicros(invoice.finalizesAt),
    invoice.finalizedAt === null ? null : formatInstantMicros(invoice.finalizedAt),
    formatInstantMicros(invoice.createdAt),
  ]);
  await tx.query(
    `INSERT INTO invoice_period (tenant_id, account_id, livemode, invoice_id, customer_no, meter_no,
            period_start, period_end)
     SELECT DISTINCT $1::uuid, $2, $3::boolean, $4, p.*
       FROM unnest($5::bigint[], $6::integer[], $7::timestamptz[], $8::timestamptz[])
              AS p (customer_no, meter_no, period_start, period_end)
     ON CONFLICT DO NOTHING`,
    [tenantId, accountId, livemode, invoice.invoiceId, ...arraysOf(usage)],
  );
  return row?.status !== invoice.status;
}

/** A draft that is gone bills nothing: whatever it had is on its own again. */
export async function forgetInvoice(
  db: Queryable,
  tenantId: string,
  { accountId, livemode }: StripeAccount,
  invoiceId: string,
): Promise<boolean> {
  const rows = await db.query(
    `UPDATE stripe_invoice SET status = 'deleted', finalizes_at = NULL
      WHERE tenant_id = $1 AND account_id = $2 AND livemode = $3 AND invoice_id = $4
        AND status = 'draft' RETURNING 1`,
    [tenantId, accountId, livemode, invoiceId],
  );
  return rows.length > 0;
}

/** Has what waits of the periods that a draft bills sent before it is final. */
export async function hastenPushes(
  tx: Transaction,
  tenantId: string,
  usage: readonly InvoicedUsage[],
  finalizesAt: Micros,
): Promise<void> {
  await tx.query(HASTEN, [tenantId, ...arraysOf(usage), formatInstantMicros(finalizesAt)]);
}

/** Has the periods that an invoice bills planned anew: what is not delivered by now, is not billed. */
export async function replanInvoiced(
  tx: Transaction,
  tenantId: string,
  usage: readonly InvoicedUsage[],
): Promise<void> {
  await tx.query(REPLAN, [tenantId, ...arraysOf(usage)]);
}

function arraysOf(usage: readonly InvoicedUsage[]): unknown[] {
  return [
    usage.map(({ customerNo }) => customerNo),
    usage.map(({ meterNo }) => meterNo),
    usage.map(({ start }) => formatInstantMicros(start)),
    usage.map(({ end }) => formatInstantMicros(end)),
  ];
}

/** Of two states of one invoice the later one in its life is the newer one. */
const UPSERT_INVOICE = `
  INSERT INTO stripe_invoice AS v (tenant_id, account_id, livemode, invoice_id, status,
         finalizes_at, finalized_at, made_at)
  VALUES ($1, $2, $3, $4, $5, $6::timestamptz, $7::timestamptz, $8::timestamptz)
  ON CONFLICT (tenant_id, account_id, livemode, invoice_id) DO UPDATE
     SET status = excluded.status, finalizes_at = excluded.finalizes_at,
         finalized_at = coalesce(excluded.finalized_at, v.finalized_at)
   WHERE array_position(ARRAY['draft', 'deleted', 'open', 'uncollectible', 'paid', 'void'], excluded.status)
      >= array_position(ARRAY['draft', 'deleted', 'open', 'uncollectible', 'paid', 'void'], v.status)`;

const BILLED = `
  SELECT DISTINCT p.customer_no, p.meter_no, p.period_start, p.closed_at IS NOT NULL AS closed
    FROM unnest($2::bigint[], $3::integer[], $4::timestamptz[], $5::timestamptz[])
           AS u (customer_no, meter_no, period_start, period_end)
    JOIN billing_period p ON p.tenant_id = $1 AND p.customer_no = u.customer_no
     AND p.meter_no = u.meter_no AND p.period_start >= u.period_start
     AND p.period_end <= u.period_end`;

const HASTEN = `
  WITH waiting AS MATERIALIZED (
    SELECT w.identifier FROM push w JOIN (${BILLED}) p USING (customer_no, meter_no, period_start)
     WHERE w.tenant_id = $1 AND w.status IN ('pending', 'unknown')
     ORDER BY w.identifier FOR NO KEY UPDATE OF w
  )
  UPDATE push w SET finalizes_at = $6::timestamptz FROM waiting
   WHERE w.tenant_id = $1 AND w.identifier = waiting.identifier
     AND w.status IN ('pending', 'unknown')`;

const REPLAN = `
  INSERT INTO push_work (tenant_id, customer_no, meter_no, period_start, closed)
  SELECT $1, p.customer_no, p.meter_no, p.period_start, p.closed FROM (${BILLED}) p
   ORDER BY p.customer_no, p.meter_no, p.period_start
  ON CONFLICT (tenant_id, customer_no, meter_no, period_start) DO UPDATE
       SET closed = push_work.closed OR excluded.closed`;
