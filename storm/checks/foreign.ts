/** What was written to Stripe's meters by somebody else begins so. */
export const FOREIGN = 'foreign_';
