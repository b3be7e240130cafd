import { Big } from 'big.js';
import type { Switches } from './switches.js';

/** Source: https://docs.stripe.com/changelog/dahlia/2026-04-22/billing-meter-event-values-validation */
export const VALUE_DIGITS_MAX = 15;

const PLAIN_DECIMAL = /^-?\d+(\.\d+)?$/;
const POSITIVE_INTEGER = /^0*[1-9]\d*$/;

export type ValueFault = 'invalid' | 'not_found' | 'too_many_digits';

/** Reads the value of a payload exactly, without going through a JavaScript number. */
export function readValue(
  text: string | undefined,
  accepted: Switches['acceptedValues'],
): Big | ValueFault {
  if (text === undefined) return 'not_found';
  if (!PLAIN_DECIMAL.test(text)) return 'invalid';
  if (significantDigits(text) > VALUE_DIGITS_MAX) return 'too_many_digits';
  if (accepted === 'positive_integer' && !POSITIVE_INTEGER.test(text)) return 'invalid';
  return new Big(text);
}

/**
 * Only leading zeros are free. Whether Stripe counts trailing ones is not published; counting them
 * is the stricter reading.
 */
export function significantDigits(plainDecimal: string): number {
  return plainDecimal.replace(/[-.]/g, '').replace(/^0+/, '').length;
}
