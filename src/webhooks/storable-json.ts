/// <reference lib="es2024.string" />

/**
 * JSON that PostgreSQL can keep: without NUL and lone surrogates, which `jsonb` refuses, and with
 * 64-bit numbers of the Stripe SDK as texts.
 */
export function jsonText(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => {
    if (typeof part === 'bigint') return part.toString();
    return typeof part === 'string' ? storableText(part) : part;
  });
}

export function storableText(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\uFFFD');
}
