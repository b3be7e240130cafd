import { formatInstantMicros, parseInstant } from '../domain/instant.js';
import { isStorableText } from '../domain/text.js';
import { Problem, ValidationProblem } from '../problem/problem.js';

/** One page of a list, as it is answered. */
export interface Page<Row> {
  readonly data: Row[];
  readonly next_cursor: string | null;
}

/** Which page is asked for. */
export interface PageRequest {
  /** The sort key of the last row of the page before; none on the first page. */
  readonly after: string[] | undefined;
  readonly limit: number;
}

export const PAGE_LIMIT_DEFAULT = 100;
export const PAGE_LIMIT_MAX = 1_000;

/** What a part of a sort key is, in the text form that `toPage` is given. */
export type KeyPart = 'text' | 'instant' | 'uuid' | 'integer';

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** PostgreSQL's `integer`. */
const INTEGER_MAX = 2_147_483_647;

/** What PostgreSQL can compare with; anything else would be an error there. */
const IS_KEY_PART: Readonly<Record<KeyPart, (part: string) => boolean>> = {
  text: isStorableText,
  instant: (part) => {
    const at = parseInstant(part);
    return at !== undefined && formatInstantMicros(at) === part;
  },
  uuid: (part) => UUID.test(part),
  integer: (part) => /^(?:0|[1-9]\d{0,9})$/.test(part) && Number(part) <= INTEGER_MAX,
};

/** A sort key has few and short parts: a longer cursor was not made here. */
const CURSOR_CHARACTERS_MAX = 8_192;

/**
 * Reads `cursor` and `limit` of a query.
 *
 * @param keyParts What the list's sort key is made of.
 * @throws Problem `invalid_cursor` for a cursor that no page of the list gave.
 */
export function parsePage(
  query: { readonly cursor?: unknown; readonly limit?: unknown },
  keyParts: readonly KeyPart[],
): PageRequest {
  return { after: parseCursor(query.cursor, keyParts), limit: parseLimit(query.limit) };
}

/** Cuts what a query with `LIMIT limit + 1` found to the page, and names what comes after it. */
export function toPage<Row>(
  rows: readonly Row[],
  limit: number,
  keyOf: (row: Row) => readonly string[],
): Page<Row> {
  const data = rows.slice(0, limit);
  const last = data.at(-1);
  const isLastPage = rows.length <= limit || last === undefined;
  return { data, next_cursor: isLastPage ? null : formatCursor(keyOf(last)) };
}

function formatCursor(key: readonly string[]): string {
  return Buffer.from(JSON.stringify(key)).toString('base64url');
}

function parseCursor(cursor: unknown, keyParts: readonly KeyPart[]): string[] | undefined {
  if (cursor === undefined) return undefined;
  const key = typeof cursor === 'string' ? readCursor(cursor, keyParts) : undefined;
  if (key === undefined) {
    throw new Problem('invalid_cursor', 'the cursor was not given by this list');
  }
  return key;
}

function readCursor(cursor: string, keyParts: readonly KeyPart[]): string[] | undefined {
  if (cursor.length > CURSOR_CHARACTERS_MAX) return undefined;
  try {
    const key: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    return isKey(key, keyParts) ? key : undefined;
  } catch {
    return undefined;
  }
}

function isKey(key: unknown, keyParts: readonly KeyPart[]): key is string[] {
  if (!Array.isArray(key) || key.length !== keyParts.length) return false;
  return keyParts.every((kind, at) => {
    const part: unknown = key[at];
    return typeof part === 'string' && IS_KEY_PART[kind](part);
  });
}

function parseLimit(limit: unknown): number {
  if (limit === undefined) return PAGE_LIMIT_DEFAULT;
  const rows = typeof limit === 'string' && /^[1-9]\d{0,3}$/.test(limit) ? Number(limit) : 0;
  if (rows < 1 || rows > PAGE_LIMIT_MAX) {
    const detail = `limit must be a whole number from 1 to ${PAGE_LIMIT_MAX}`;
    throw new ValidationProblem([{ pointer: '/limit', code: 'invalid', detail }]);
  }
  return rows;
}
