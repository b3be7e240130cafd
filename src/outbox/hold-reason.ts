/**
 * Stripe bills it no more, whatever is done: the invoice of its period is final, or there is nobody
 * to send one to.
 */
export const UNBILLABLE_REASONS = ['invoice_finalized', 'customer_deleted'] as const;
export type UnbillableReason = (typeof UNBILLABLE_REASONS)[number];

/** Why usage is not pushed as things stand. Each can be cured but `too_old` and the unbillable ones. */
export const HOLD_REASONS = [
  'too_old',
  'stripe_not_configured',
  'stripe_refused',
  'meter_unmapped',
  'customer_unmapped',
  'meter_not_found',
  'meter_inactive',
  'formula_mismatch',
  'value_not_representable',
  /** The target takes whole numbers above zero alone. */
  'value_not_accepted',
  'lane_parked',
  'no_free_minute',
  'no_subscription_item',
  'several_subscription_items',
  /** The invoice may be final by now, and Stripe was not asked since: after it, nothing is billed. */
  'invoice_not_read',
  ...UNBILLABLE_REASONS,
] as const;
export type HoldReason = (typeof HOLD_REASONS)[number];
