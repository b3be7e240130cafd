/** What Stripe answered to one request, as it came over the wire. */
export interface Answer {
  /** Method and path. */
  readonly request: string;
  readonly status: number;
  readonly type: string | null;
  readonly code: string | null;
  readonly message: string | null;
  /** The headers that tell something, by lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Readonly<Record<string, unknown>>;
  /** Of `performance.now()`. */
  readonly sentAtMs: number;
  readonly answeredAtMs: number;
}

/** One answer as it is shown: what was asked, and what came. */
export interface Evidence {
  readonly asked: string;
  readonly request: string;
  readonly status: number;
  readonly type?: string;
  readonly code?: string;
  readonly message?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** v1 says it without a code. */
const IDENTIFIER_TAKEN = /^An event already exists with identifier/;

export function isOk({ status }: Answer): boolean {
  return status >= 200 && status < 300;
}

export function isRefusal({ status }: Answer): boolean {
  return status >= 400 && status < 500 && status !== 429 && status !== 409;
}

export function isDuplicate({ status, code, message }: Answer): boolean {
  if (status !== 400) return false;
  return code === 'duplicate_meter_event' || IDENTIFIER_TAKEN.test(message ?? '');
}

export function evidenceOf(asked: string, answer: Answer): Evidence {
  const { request, status, type, code, message, headers } = answer;
  return {
    asked,
    request,
    status,
    ...(type !== null && { type }),
    ...(code !== null && { code }),
    ...(message !== null && { message }),
    ...(Object.keys(headers).length > 0 && { headers }),
  };
}

/** Status, type, code and text in one line. */
export function told({ status, type, code, message }: Answer | Evidence): string {
  const named = [type, code].filter((name) => name !== null && name !== undefined).join(' ');
  const text = message ? `: ${message}` : '';
  return `${status}${named === '' ? '' : ` ${named}`}${text}`;
}
