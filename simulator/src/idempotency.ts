import { createHash } from 'node:crypto';
import type { Api, ApiResponse } from './api-response.js';
import { ApiError, keyInUse } from './errors.js';
import { canonicalForm, type FormObject } from './form-decoding.js';
import type { Switches } from './switches.js';

const KEY_LENGTH_MAX = 255;

/** The first request with a key, and what became of it. */
interface KeyRecord {
  readonly fingerprint: string;
  readonly requestId: string;
  readonly firstSeenMs: number;
  /** `failed`: v2 executes it again, as long as the parameters are the same. */
  state: 'executing' | 'failed' | 'done';
  response: ApiResponse | null;
}

/** The right to execute under a key. Exactly one of the two must be called. */
export interface KeyClaim {
  /**
   * Takes what the client is answered and what really happened. v1 gives the answer again, whatever
   * its status; v2 gives what happened again, and executes again what failed.
   */
  store(answered: ApiResponse, happened: ApiResponse | null): void;
  /** Nothing was executed: the key is as it was. */
  abandon(): void;
}

export interface KeyedRequest {
  key: string;
  requestId: string;
  fingerprint: string;
}

export interface StoredAnswer {
  originalRequestId: string;
  response: ApiResponse;
}

/** The idempotency layer of one account, mode and API. */
export class IdempotencyKeys {
  readonly #records = new Map<string, KeyRecord>();

  constructor(private readonly api: Api) {}

  /** A claim to execute, or the stored answer; throws on a mismatch and on a request in progress. */
  begin(request: KeyedRequest, nowMs: number, switches: Switches): KeyClaim | StoredAnswer {
    const { key, requestId, fingerprint } = request;
    if ([...key].length > KEY_LENGTH_MAX) {
      const message = `Idempotency keys can be at most ${KEY_LENGTH_MAX} characters long.`;
      throw new ApiError(400, message, { type: switches.longKeyErrorType });
    }
    const ttlMs = this.api === 'v1' ? switches.keyTtlMs : switches.v2KeyTtlMs;
    const known = this.#records.get(key);
    if (!known || isExpired(known, nowMs, ttlMs)) {
      const state = 'executing';
      const record: KeyRecord = {
        fingerprint,
        requestId,
        firstSeenMs: nowMs,
        state,
        response: null,
      };
      this.#records.set(key, record);
      return this.#claim(record, () => {
        if (this.#records.get(key) === record) this.#records.delete(key);
      });
    }
    const headers = { 'Original-Request': known.requestId };
    if (known.fingerprint !== fingerprint) throw this.#mismatch(key, headers);
    if (known.state === 'executing') throw keyInUse(key, headers);
    if (known.response) return { originalRequestId: known.requestId, response: known.response };
    known.state = 'executing';
    return this.#claim(known, () => {
      known.state = 'failed';
    });
  }

  /** A request in progress keeps its key. */
  forget(key: string): void {
    if (this.#records.get(key)?.state !== 'executing') this.#records.delete(key);
  }

  #claim(record: KeyRecord, abandon: () => void): KeyClaim {
    const isKept = (response: ApiResponse | null) => response !== null && response.status < 400;
    return {
      store: (answered, happened) => {
        record.response = this.api === 'v1' ? answered : isKept(happened) ? happened : null;
        record.state = record.response ? 'done' : 'failed';
      },
      abandon,
    };
  }

  #mismatch(key: string, headers: Readonly<Record<string, string>>): ApiError {
    const type = 'idempotency_error';
    if (this.api === 'v2') {
      const message = 'An idempotent retry occurred with different request parameters.';
      return new ApiError(400, message, { type, code: 'idempotency_error', headers });
    }
    const message =
      'Keys for idempotent requests can only be used with the same parameters they were first ' +
      `used with. Try using a key other than '${key}' if you meant to execute a different request.`;
    return new ApiError(400, message, { type, headers });
  }
}

/** Equal for requests that Stripe takes to be the same: method, path and parameters. */
export function requestFingerprint(method: string, path: string, form: FormObject): string {
  const text = `${method} ${path} ${canonicalForm(form)}`;
  return createHash('sha256').update(text).digest('base64');
}

/** A key may go once it is 24 hours old: at exactly its time to live it is gone. */
function isExpired(record: KeyRecord, nowMs: number, ttlMs: number): boolean {
  return record.state !== 'executing' && nowMs - record.firstSeenMs >= ttlMs;
}
