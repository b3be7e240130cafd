import { createHash } from 'node:crypto';
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
  /** Of which list, and of which of its rows: cursors carry it, and lead on in no other. */
  readonly list: string;
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

/** What is answered page by page. */
export interface PagedList {
  /** Short, and no other list's. */
  readonly name: string;
  /** What its sort key is made of. */
  readonly key: readonly KeyPart[];
}

/** A sort key has few and short parts: a longer cursor was not made here. */
const CURSOR_CHARACTERS_MAX = 8_192;
/** 66 bits: two choices of one client never meet, and nothing is kept from one that makes them meet. */
const DIGEST_CHARACTERS = 11;

/**
 * Reads `cursor` and `limit` of a query. All else in it chooses rows: under another choice a cursor
 * would pass over rows that no page before it had, and nobody would be told.
 *
 * @param within What the path chooses the rows by.
 * @throws Problem `invalid_cursor` for a cursor that no page of these rows gave.
 */
export function parsePage(
  paged: PagedList,
  query: { readonly cursor?: unknown; readonly limit?: unknown },
  within: readonly string[] = [],
): PageRequest {
  const { cursor, limit, ...choice } = query;
  const list = `${paged.name}${digestOf(choice, within)}`;
  return { list, after: parseCursor(cursor, list, paged.key), limit: parseLimit(limit) };
}

/** Empty where nothing is chosen. */
function digestOf(choice: Readonly<Record<string, unknown>>, within: readonly string[]): string {
  const chosen = Object.entries(choice)
    .filter(([, value]) => value !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  if (chosen.length === 0 && within.length === 0) return '';
  const text = JSON.stringify([within, chosen]);
  return `/${createHash('sha256').update(text).digest('base64url').slice(0, DIGEST_CHARACTERS)}`;
}

/** Cuts what a query with `LIMIT limit + 1` found to the page, and names what comes after it. */
export function toPage<Row>(
  rows: readonly Row[],
  { list, limit }: PageRequest,
  keyOf: (row: Row) => readonly string[],
): Page<Row> {
  const data = rows.slice(0, limit);
  const last = data.at(-1);
  const isLastPage = rows.length <= limit || last === undefined;
  return { data, next_cursor: isLastPage ? null : formatCursor(list, keyOf(last)) };
}

function formatCursor(list: string, key: readonly string[]): string {
  return Buffer.from(JSON.stringify([list, ...key])).toString('base64url');
}

function parseCursor(
  cursor: unknown,
  list: string,
  keyParts: readonly KeyPart[],
): string[] | undefined {
  if (cursor === undefined) return undefined;
  const [of, ...key] = (typeof cursor === 'string' ? readCursor(cursor) : undefined) ?? [];
  if (of === list && isKey(key, keyParts)) return key;
  throw new Problem(
    'invalid_cursor',
    'the cursor was not given by this list under the same parameters',
  );
}

function readCursor(cursor: string): unknown[] | undefined {
  if (cursor.length > CURSOR_CHARACTERS_MAX) return undefined;
  try {
    const key: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    return Array.isArray(key) ? key : undefined;
  } catch {
    return undefined;
  }
}

function isKey(key: readonly unknown[], keyParts: readonly KeyPart[]): key is string[] {
  if (key.length !== keyParts.length) return false;
  return keyParts.every((kind, at) => {
    const part = key[at];
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
