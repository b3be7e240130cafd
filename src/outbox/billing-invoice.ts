/**
 * The Stripe invoice that bills the billing period `o` of tenant `$1`: of several the one that can
 * still change, else the newest. To be joined by LATERAL.
 */
export const BILLING_INVOICE = `
  SELECT v.invoice_id, v.status, v.finalizes_at, v.finalized_at
    FROM invoice_period b
    JOIN stripe_invoice v ON v.tenant_id = $1 AND v.account_id = b.account_id
     AND v.livemode = b.livemode AND v.invoice_id = b.invoice_id AND v.status <> 'deleted'
   WHERE b.tenant_id = $1 AND b.customer_no = o.customer_no AND b.meter_no = o.meter_no
     AND b.period_start <= o.period_start AND b.period_end >= o.period_end
   ORDER BY v.status = 'draft' DESC, v.made_at DESC LIMIT 1`;

/** When the invoice `i` of the billing period `o` becomes final: an hour after it, where Stripe does not say. */
export const FINALIZES_AT = `coalesce(i.finalizes_at, o.period_end + interval '1 hour')`;

/** Stripe's clock and ours may differ so much: what lies nearer together may be in either order. */
export const CLOCKS_APART_S = 30;
