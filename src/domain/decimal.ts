/**
 * Exact decimals, kept as canonical text from the door to PostgreSQL's `numeric(27,12)`:
 * `-?digits[.digits]`, no leading zeros, no trailing fraction zeros, never `-0`.
 */

/** What a quantity may hold: 15 digits before the point and 12 after it. */
const PLAIN_DECIMAL = /^-?(?:0|[1-9]\d{0,14})(?:\.\d{1,12})?$/;

/** Every decimal of so many digits survives the way through a double unchanged (DBL_DIG). */
const EXACT_SIGNIFICANT_DIGITS = 15;

/**
 * The canonical form of a decimal that was sent as text.
 *
 * @returns Nothing where the text is not a plain decimal of at most 15 integer and 12 fraction
 *   digits: no `+`, blanks, exponent, leading zeros, or point at either end.
 */
export function canonicalDecimal(text: string): string | undefined {
  if (!PLAIN_DECIMAL.test(text)) return undefined;
  let end = text.length;
  if (text.includes('.')) {
    while (text.charCodeAt(end - 1) === 48) end--;
    if (text.charCodeAt(end - 1) === 46) end--;
  }
  const trimmed = text.slice(0, end);
  return trimmed === '-0' ? '0' : trimmed;
}

/**
 * The canonical form of a decimal that was sent as a JSON number.
 *
 * @returns Nothing where the number may have been rounded on its way (see `isExactNumber`) or has
 *   more than 12 fraction digits.
 */
export function decimalOfNumber(value: number): string | undefined {
  return isExactNumber(value) ? canonicalDecimal(String(value)) : undefined;
}

/**
 * Whether the shortest form of a double is surely what was written: finite, without exponent, and
 * of at most 15 significant digits. `9007199254740993` is not; JSON.parse made it …992.
 */
export function isExactNumber(value: number): boolean {
  if (!Number.isFinite(value)) return false;
  const shortest = String(Math.abs(value));
  if (shortest.includes('e')) return false;
  const significant = shortest.replace('.', '').replace(/^0+/, '');
  return significant.length <= EXACT_SIGNIFICANT_DIGITS;
}

/**
 * Whether a property's number is surely the one that was written: finite, and no whole number that
 * JSON.parse may have moved to a neighbour. 9007199254740993 and …992 would be one value to count.
 */
export function isKeptNumber(value: number): boolean {
  return Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value));
}

/** Whether a canonical decimal is below zero. */
export function isNegative(decimal: string): boolean {
  return decimal.startsWith('-');
}
