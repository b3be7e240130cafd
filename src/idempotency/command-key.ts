import { createHash } from 'node:crypto';
import { Problem } from '../problem/problem.js';

/** What a command was sent under, and what it was. */
export interface CommandKey {
  readonly tenantId: string;
  /** Method and pattern of the route. */
  readonly route: string;
  readonly key: string;
  /** SHA-256 of what was asked for: {@link requestHash}. */
  readonly hash: Buffer;
}

/** Visible ASCII; quotes, as of a structured field, are part of the key. */
const KEY = /^[!-~]{1,255}$/;

/**
 * The value of an `Idempotency-Key` header, if there is one.
 *
 * @throws Problem `idempotency_key_invalid`
 */
export function readIdempotencyKey(header: string | string[] | undefined): string | undefined {
  if (header === undefined) return undefined;
  if (typeof header === 'string' && KEY.test(header)) return header;
  throw new Problem('idempotency_key_invalid', 'a key has 1 to 255 visible ASCII characters');
}

/** What makes two requests to a route the same: path parameters, query and body, however written. */
export function requestHash(parameters: unknown, query: unknown, body: unknown): Buffer {
  return createHash('sha256')
    .update(canonicalJson([parameters, query, body]))
    .digest();
}

/** Of the advisory lock that a command holds while it runs. Two keys with one number only wait for each other. */
export function lockNumber({ tenantId, route, key }: CommandKey): string {
  const digest = createHash('sha256').update([tenantId, route, key].join('\n')).digest();
  return digest.readBigInt64BE().toString();
}

/** JSON without blanks, the members of each object in the order of their names' UTF-16 code units. */
function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(
          Object.entries(member).toSorted(([a], [b]) => (a < b ? -1 : Number(a > b))),
        )
      : member,
  );
}
