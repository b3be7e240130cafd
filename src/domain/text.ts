/// <reference lib="es2024.string" />

/**
 * Whether PostgreSQL can keep a text exactly as it is: no NUL (refused by `text` and `jsonb`) and
 * no lone surrogate (it has no UTF-8 form, so it would become U+FFFD on the way).
 */
export function isStorableText(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0');
}

/** The length in Unicode code points, as PostgreSQL's `char_length` counts it. */
export function codePointLength(text: string): number {
  let pairs = 0;
  for (let at = 0; at < text.length; at++) {
    if (text.codePointAt(at)! > 0xffff) {
      pairs++;
      at++;
    }
  }
  return text.length - pairs;
}

/** Whether a text has at most so many code points; short texts are not scanned. */
export function isAtMost(text: string, limit: number): boolean {
  if (text.length <= limit) return true;
  return text.length <= 2 * limit && codePointLength(text) <= limit;
}
