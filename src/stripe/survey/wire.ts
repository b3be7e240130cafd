import { membersOf, parsed } from '../json-members.js';
import { setTimeout as sleep } from 'node:timers/promises';
import Stripe from 'stripe';
import type { Answer } from './answer.js';

/** Header names that are kept as evidence; all others say nothing that differs. */
const TELLING_HEADERS = [
  'idempotent-replayed',
  'stripe-should-retry',
  'stripe-rate-limited-reason',
  'retry-after',
];
const CALL_TIMEOUT_MS = 20_000;
/** A limit on requests per second, which tells nothing of what was asked. */
const RATE_REASONS: ReadonlySet<string> = new Set(['global-rate', 'endpoint-rate']);
const RATE_RETRIES = 5;
const RATE_PAUSE_MS = 1_500;

/** Values nested one level deep: `payload[value]`. */
export type Form = Readonly<Record<string, string | number | Readonly<Record<string, string>>>>;

export interface WireOptions {
  readonly secretKey: string;
  readonly apiBase: string;
  readonly callsPerSecond: number;
  /** Ends the call on its way, and lets no other begin. */
  readonly signal?: AbortSignal;
}

export interface PostOptions {
  readonly key?: string;
  /** Leaves `Stripe-Version` out. */
  readonly versionless?: boolean;
}

/** Stripe did not answer at all. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer';
}

/**
 * Calls Stripe as it stands in the request, and shows the answer as it came: the SDK would put errors
 * and headers into shapes of its own, and always names a version.
 */
export class SurveyWire {
  private readonly version: string;
  private nextAtMs = 0;

  constructor(private readonly options: WireOptions) {
    this.version = new Stripe(options.secretKey).getApiField('version');
  }

  get isRestricted(): boolean {
    return this.options.secretKey.startsWith('rk_');
  }

  /** The same calls without the signal: to clean up after an interruption. */
  withoutSignal(): SurveyWire {
    const { secretKey, apiBase, callsPerSecond } = this.options;
    return new SurveyWire({ secretKey, apiBase, callsPerSecond });
  }

  get(path: string, query: Form = {}): Promise<Answer> {
    const text = encoded(query).toString();
    return this.paced('GET', text === '' ? path : `${path}?${text}`);
  }

  delete(path: string): Promise<Answer> {
    return this.paced('DELETE', path);
  }

  /** v1 takes a form, v2 JSON. */
  post(path: string, form: Form, options: PostOptions = {}): Promise<Answer> {
    return this.paced('POST', path, form, options);
  }

  /** All at once, whatever the pace. */
  burst(path: string, forms: readonly Form[]): Promise<Answer[]> {
    return Promise.all(forms.map((form) => this.call('POST', path, form, {})));
  }

  private async paced(
    method: string,
    path: string,
    form?: Form,
    options: PostOptions = {},
  ): Promise<Answer> {
    for (let tries = 1; ; tries++) {
      await this.turn();
      const answer = await this.call(method, path, form, options);
      const reason = answer.headers['stripe-rate-limited-reason'] ?? '';
      const isPace = answer.status === 429 && RATE_REASONS.has(reason);
      if (!isPace || tries > RATE_RETRIES) return answer;
      await sleep(RATE_PAUSE_MS, undefined, this.waitOptions());
    }
  }

  private async turn(): Promise<void> {
    const now = performance.now();
    const at = Math.max(now, this.nextAtMs);
    this.nextAtMs = at + 1_000 / this.options.callsPerSecond;
    if (at > now) await sleep(at - now, undefined, this.waitOptions());
  }

  private waitOptions(): { signal?: AbortSignal } {
    const { signal } = this.options;
    return signal === undefined ? {} : { signal };
  }

  private async call(
    method: string,
    path: string,
    form: Form | undefined,
    { key, versionless = false }: PostOptions,
  ): Promise<Answer> {
    const { apiBase, secretKey, signal } = this.options;
    signal?.throwIfAborted();
    const isV2 = path.startsWith('/v2/');
    const headers: Record<string, string> = { authorization: `Bearer ${secretKey}` };
    if (!versionless) headers['stripe-version'] = this.version;
    if (key !== undefined) headers['idempotency-key'] = key;
    if (form !== undefined && isV2) headers['content-type'] = 'application/json';
    const body = form === undefined ? null : isV2 ? JSON.stringify(form) : encoded(form);
    const timeout = AbortSignal.timeout(CALL_TIMEOUT_MS);
    const ending = signal === undefined ? timeout : AbortSignal.any([signal, timeout]);
    const sentAtMs = performance.now();
    try {
      const url = new URL(path, apiBase);
      const response = await fetch(url, { method, headers, body, signal: ending });
      const text = await response.text();
      const request = `${method} ${path.split('?')[0]!}`;
      return { ...read(response, text), request, sentAtMs, answeredAtMs: performance.now() };
    } catch (cause) {
      signal?.throwIfAborted();
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new NoAnswer(`no answer to ${method} ${path.split('?')[0]!}: ${why}`, { cause });
    }
  }
}

function read(
  response: Response,
  text: string,
): Omit<Answer, 'request' | 'sentAtMs' | 'answeredAtMs'> {
  const body = membersOf(parsed(text));
  const error = membersOf(body['error']);
  const headers = Object.fromEntries(
    TELLING_HEADERS.flatMap((name) => {
      const value = response.headers.get(name);
      return value === null ? [] : [[name, value]];
    }),
  );
  return {
    status: response.status,
    type: textOf(error['type']),
    code: textOf(error['code']),
    message: textOf(error['message']),
    headers,
    body: { ...body, date: response.headers.get('date') },
  };
}

function encoded(form: Form): URLSearchParams {
  const pairs = Object.entries(form).flatMap(([name, value]) =>
    typeof value === 'object'
      ? Object.entries(value).map(([member, inner]) => [`${name}[${member}]`, inner])
      : [[name, String(value)]],
  );
  return new URLSearchParams(pairs as [string, string][]);
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}
