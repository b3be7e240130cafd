import { duplicateKeyIn, withoutUnderflow } from './json-scan.js';

export type StrictJson =
  | { readonly ok: true; readonly value: unknown }
  | {
      readonly ok: false;
      readonly code: 'invalid_json' | 'duplicate_key' | 'nesting_too_deep';
      readonly detail: string;
    };

/** Levels of objects and lists; an event in a batch with properties has 4. */
const MAX_DEPTH = 8;

const QUOTE = 34;
const COLON = 58;
const BACKSLASH = 92;

/**
 * JSON.parse without what it lets pass: nesting without end, which breaks whoever walks the value
 * by recursion (JSON.stringify at 10,000 levels), and keys that stand twice in an object, of which
 * it keeps the last and a proxy perhaps the first.
 *
 * Members named `__proto__` or `constructor` come out as plain own properties.
 */
export function parseStrictJson(text: string, options: { maxDepth?: number } = {}): StrictJson {
  const maxDepth = options.maxDepth ?? MAX_DEPTH;
  const { depth, colons, underflow } = scan(text, maxDepth);
  if (depth > maxDepth) {
    return { ok: false, code: 'nesting_too_deep', detail: `nested deeper than ${maxDepth} levels` };
  }

  let value: unknown;
  try {
    value = JSON.parse(underflow ? withoutUnderflow(text) : text);
  } catch (error) {
    return { ok: false, code: 'invalid_json', detail: (error as SyntaxError).message };
  }
  // Each member has a colon; of two with one key, one member is left.
  if (memberCount(value) !== colons) {
    const detail = `the key ${duplicateKeyIn(text)} stands twice in one object`;
    return { ok: false, code: 'duplicate_key', detail };
  }
  return { ok: true, value };
}

/** Whether a parsed value has more levels than a document may have. */
export function isNestedTooDeep(value: unknown, levels = MAX_DEPTH): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((child) => isNestedTooDeep(child, levels - 1));
}

/** One pass over text that may not be JSON at all: some 300 MB/s. Stops once it is too deep. */
function scan(text: string, maxDepth: number) {
  let depth = 0;
  let deepest = 0;
  let colons = 0;
  let underflow = false;
  const { length } = text;
  for (let at = 0; at < length; at++) {
    const unit = text.charCodeAt(at);
    if (unit === QUOTE) {
      for (at++; at < length; at++) {
        const inside = text.charCodeAt(at);
        if (inside === QUOTE) break;
        if (inside === BACKSLASH) at++;
      }
    } else if (unit === COLON) {
      colons++;
    } else if (unit === 0x7b || unit === 0x5b) {
      if (++depth > deepest) deepest = depth;
      if (depth > maxDepth) break;
    } else if (unit === 0x7d || unit === 0x5d) {
      depth--;
    } else if ((unit === 0x65 || unit === 0x45) && text.charCodeAt(at + 1) === 0x2d) {
      underflow = true;
    }
  }
  return { depth: deepest, colons, underflow };
}

/** How many members all objects in a value have together. */
function memberCount(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  let members = 0;
  const waiting: object[] = [value];
  for (let current = waiting.pop(); current !== undefined; current = waiting.pop()) {
    const children: unknown[] = Array.isArray(current) ? current : Object.values(current);
    if (!Array.isArray(current)) members += children.length;
    for (const child of children) {
      if (typeof child === 'object' && child !== null) waiting.push(child);
    }
  }
  return members;
}
