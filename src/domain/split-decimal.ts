import Big from 'big.js';

/**
 * Stripe refuses values of more than 15 significant digits since API version 2026-04-22, and answers
 * sums as JSON numbers, which hold no more either. Whether zeros before the point count is not
 * published; here they do.
 * Source: https://docs.stripe.com/changelog/dahlia/2026-04-22/billing-meter-event-values-validation
 */
const SIGNIFICANT_DIGITS_MAX = 15;
const LARGEST = new Big(10).pow(SIGNIFICANT_DIGITS_MAX).minus(1);

/** As many as an hour has minutes; what needs more is beyond any quantity that is counted. */
const PARTS_MAX = 60;

/** Whether a canonical decimal goes into one push. */
export function isRepresentable(decimal: string): boolean {
  return decimal.replace(/[-.]/g, '').replace(/^0+/, '').length <= SIGNIFICANT_DIGITS_MAX;
}

/** Whether a decimal is as large, or as far below zero, as a part can be. */
export function isLargestPart(decimal: string): boolean {
  return new Big(decimal).abs().eq(LARGEST);
}

/**
 * Decimals of at most 15 digits each, all of one sign, that add up to a canonical decimal: the
 * largest first. Zero is no part at all.
 *
 * @returns Nothing where it would take more than 60.
 */
export function splitDecimal(decimal: string): string[] | undefined {
  const value = new Big(decimal);
  const parts: Big[] = [];
  let rest = value.abs();
  while (rest.gt(0) && parts.length < PARTS_MAX) {
    const part = rest.gt(LARGEST) ? LARGEST : rest.prec(SIGNIFICANT_DIGITS_MAX, Big.roundDown);
    parts.push(part);
    rest = rest.minus(part);
  }
  if (rest.gt(0)) return undefined;
  return parts.map((part) => part.times(value.s).toFixed());
}
