/** Which values a push may carry: any decimal, or whole numbers above zero alone. */
export const VALUE_RULES = ['decimal', 'positive_integer'] as const;
export type ValueRule = (typeof VALUE_RULES)[number];

const POSITIVE_INTEGER = /^[1-9]\d*$/;

/** @param value A canonical decimal. */
export function takesValue(rule: ValueRule, value: string): boolean {
  return rule === 'decimal' || POSITIVE_INTEGER.test(value);
}
