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

/** A sort key has few and short parts: a longer cursor was not made here. */
const CURSOR_CHARACTERS_MAX = 8_192;

/**
 * Reads `cursor` and `limit` of a query.
 *
 * @param keyParts How many parts the list's sort key has.
 * @throws Problem `invalid_cursor` for a cursor that no page of the list gave.
 */
export function parsePage(
  query: { readonly cursor?: unknown; readonly limit?: unknown },
  keyParts?: number,
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

function parseCursor(cursor: unknown, keyParts: number | undefined): string[] | undefined {
  if (cursor === undefined) return undefined;
  const key = typeof cursor === 'string' ? readCursor(cursor) : undefined;
  if (key === undefined || (keyParts !== undefined && key.length !== keyParts)) {
    throw new Problem('invalid_cursor', 'the cursor was not given by this list');
  }
  return key;
}

function readCursor(cursor: string): string[] | undefined {
  if (cursor.length > CURSOR_CHARACTERS_MAX) return undefined;
  try {
    const key: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    const isKey = Array.isArray(key) && key.every((part) => isKeyPart(part));
    return isKey && key.length > 0 ? key : undefined;
  } catch {
    return undefined;
  }
}

/** What PostgreSQL can compare with: a NUL would be an error there. */
function isKeyPart(part: unknown): part is string {
  return typeof part === 'string' && !part.includes('\0');
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
