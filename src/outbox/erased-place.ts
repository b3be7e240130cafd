/**
 * SQL pattern of what stands in pushes, lanes and invoices for Stripe's ids of an erased customer.
 * Stripe knows none of these names, so it is never asked for one.
 */
export const ERASED_STRIPE_ID = `'^erased_[0-9a-f]{24}$'`;
