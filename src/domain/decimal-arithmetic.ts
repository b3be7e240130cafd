import Big from 'big.js';

/** Adds canonical decimals, exactly. */
export function sumOf(decimals: Iterable<string>): string {
  let sum = new Big(0);
  for (const decimal of decimals) sum = sum.plus(decimal);
  return canonical(sum);
}

/** Subtracts one canonical decimal from another, exactly. */
export function difference(from: string, what: string): string {
  return canonical(new Big(from).minus(what));
}

/** Below zero where the first is the smaller one, 0 where both are the same. */
export function compareDecimals(a: string, b: string): number {
  return new Big(a).cmp(b);
}

/** Without exponent, and never `-0`. */
function canonical(value: Big): string {
  return value.eq(0) ? '0' : value.toFixed();
}
