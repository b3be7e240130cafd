import { createHash } from 'node:crypto';
import type { ApiResponse } from './api-response.js';
import { ApiError } from './errors.js';
import { canonicalForm, type FormObject } from './form-decoding.js';
import type { Switches } from './switches.js';

const KEY_LENGTH_MAX = 255;

/** The first request with a key, and its answer once there is one. */
interface KeyRecord {
  readonly fingerprint: string;
  readonly requestId: string;
  readonly firstSeenMs: number;
  response: ApiResponse | null;
}

/** The right to execute under a key. Exactly one of the two must be called. */
export interface KeyClaim {
  /** Later requests with the key get this answer, whatever its status. */
  store(response: ApiResponse): void;
  /** Nothing was executed: the key is as new. */
  abandon(): void;
}

export interface KeyedRequest {
  key: string;
  requestId: string;
  fingerprint: string;
}

/** The idempotency layer of v1 for one account and mode. */
export class IdempotencyKeys {
  readonly #records = new Map<string, KeyRecord>();

  /** A claim to execute, or the stored answer; throws on a mismatch and on a request in progress. */
  begin(request: KeyedRequest, nowMs: number, switches: Switches): KeyClaim | StoredAnswer {
    const { key, requestId, fingerprint } = request;
    if ([...key].length > KEY_LENGTH_MAX) {
      const message = `Idempotency keys can be at most ${KEY_LENGTH_MAX} characters long.`;
      throw new ApiError(400, message, { type: switches.longKeyErrorType });
    }
    const known = this.#records.get(key);
    if (known && !isExpired(known, nowMs, switches.keyTtlMs)) return answerOf(known, request);
    const record: KeyRecord = { fingerprint, requestId, firstSeenMs: nowMs, response: null };
    this.#records.set(key, record);
    return {
      store: (response) => {
        record.response = response;
      },
      abandon: () => {
        this.#records.delete(key);
      },
    };
  }
}

export interface StoredAnswer {
  originalRequestId: string;
  response: ApiResponse;
}

/** Equal for requests that Stripe takes to be the same: method, path and parameters. */
export function requestFingerprint(method: string, path: string, form: FormObject): string {
  const text = `${method} ${path} ${canonicalForm(form)}`;
  return createHash('sha256').update(text).digest('base64');
}

/** A key may go once it is 24 hours old: at exactly its time to live it is gone. */
function isExpired(record: KeyRecord, nowMs: number, ttlMs: number): boolean {
  return record.response !== null && nowMs - record.firstSeenMs >= ttlMs;
}

function answerOf(record: KeyRecord, { key, fingerprint }: KeyedRequest): StoredAnswer {
  const headers = { 'Original-Request': record.requestId };
  if (record.fingerprint !== fingerprint) {
    const message =
      'Keys for idempotent requests can only be used with the same parameters they were first ' +
      `used with. Try using a key other than '${key}' if you meant to execute a different request.`;
    throw new ApiError(400, message, { type: 'idempotency_error', headers });
  }
  if (record.response === null) {
    const message =
      'There is currently another in-progress request using this Idempotent Key (that probably ' +
      'means you submitted twice, and the other request is still going through): ' +
      `${key}. Please try again later.`;
    const code = 'idempotency_key_in_use';
    throw new ApiError(409, message, { type: 'idempotency_error', code, headers });
  }
  return { originalRequestId: record.requestId, response: record.response };
}
