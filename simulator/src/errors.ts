export type StripeErrorType =
  | 'api_error'
  | 'idempotency_error'
  | 'invalid_request_error'
  /** Of v2 only. */
  | 'temporary_session_expired';

interface ErrorDetails {
  type?: StripeErrorType;
  code?: string;
  param?: string;
  /** Where v2 has a code and v1 has another or none. */
  v2Code?: string;
  docUrl?: string;
  headers?: Readonly<Record<string, string>>;
}

/** An error as Stripe answers it, in the shapes of both APIs. */
export class ApiError extends Error {
  readonly type: StripeErrorType;
  readonly code: string | undefined;
  readonly param: string | undefined;
  /** Stripe gives one with many errors; here only where its specification requires it. */
  readonly docUrl: string | undefined;
  readonly v2Code: string | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    readonly status: number,
    message: string,
    details: ErrorDetails = {},
  ) {
    super(message);
    this.name = 'ApiError';
    this.type = details.type ?? 'invalid_request_error';
    this.code = details.code;
    this.param = details.param;
    this.docUrl = details.docUrl;
    this.v2Code = details.v2Code;
    this.headers = details.headers ?? {};
  }

  /** `{"error":{"type","code"?,"message","param"?}}`; absent members are left out, as Stripe does. */
  toBody(): object {
    const { type, code, param, message } = this;
    return { error: { ...(code && { code }), message, ...(param && { param }), type } };
  }

  /** `{"error":{"code","message"}}`; a type stands only where Stripe's SDK asks for it. */
  toV2Body(): object {
    const { type, code, message, docUrl } = this;
    const isTyped = type === 'idempotency_error' || type === 'temporary_session_expired';
    // What is wrong with parameters has one code under v2.
    const known = code?.startsWith('parameter_') ? 'invalid_fields' : code;
    const v2Code = this.v2Code ?? known ?? type;
    const url = docUrl !== undefined && { doc_url: docUrl };
    return { error: { code: v2Code, ...url, message, ...(isTyped && { type }) } };
  }
}

export function parameterMissing(param: string): ApiError {
  return new ApiError(400, `Missing required param: ${param}.`, {
    code: 'parameter_missing',
    param,
  });
}

export function parameterUnknown(param: string): ApiError {
  return new ApiError(400, `Received unknown parameter: ${param}`, {
    code: 'parameter_unknown',
    param,
  });
}

/** 404 for an object named in the path, 400 for one named in a parameter. */
export function noSuch(kind: string, id: string, param: string, status: 400 | 404): ApiError {
  return new ApiError(status, `No such ${kind}: '${id}'`, { code: 'resource_missing', param });
}

export function unrecognizedUrl(method: string, path: string): ApiError {
  return new ApiError(
    404,
    `Unrecognized request URL (${method}: ${path}). Please see https://stripe.com/docs.`,
  );
}

/** The reasons of the `Stripe-Rate-Limited-Reason` header that the simulator can give. */
export type RateLimitedReason =
  | 'global-rate'
  | 'endpoint-rate'
  | 'global-concurrency'
  | 'endpoint-concurrency'
  | 'resource-specific';

/** No `Retry-After`: Stripe documents none. The wording is ours, Stripe publishes none. */
export function rateLimited(reason: RateLimitedReason): ApiError {
  return new ApiError(429, 'Request rate limit exceeded. Please retry with exponential backoff.', {
    code: 'rate_limit',
    headers: { 'Stripe-Rate-Limited-Reason': reason },
  });
}

/** An object is locked: a 429 without `Stripe-Rate-Limited-Reason`. The wording is ours. */
export function lockTimeout(message = 'This object cannot be accessed right now. Try again.') {
  return new ApiError(429, message, { code: 'lock_timeout' });
}

/** Stripe's words for a second request in flight for one customer and meter. */
export const TOO_MANY_CONCURRENT =
  'Cannot create multiple usage events for the same customer, meter concurrently.';

export function tooManyConcurrent(): ApiError {
  return new ApiError(409, TOO_MANY_CONCURRENT, { code: 'too_many_concurrent_requests' });
}

export function keyInUse(key: string, headers: Readonly<Record<string, string>> = {}): ApiError {
  const message =
    'There is currently another in-progress request using this Idempotent Key (that probably ' +
    'means you submitted twice, and the other request is still going through): ' +
    `${key}. Please try again later.`;
  return new ApiError(409, message, {
    type: 'idempotency_error',
    code: 'idempotency_key_in_use',
    headers,
  });
}

/** Stripe tells its SDK not to retry a 500 by itself, as the key would only replay it. */
export function internalError(): ApiError {
  const headers = { 'Stripe-Should-Retry': 'false' };
  return new ApiError(500, 'An unexpected error occurred.', { type: 'api_error', headers });
}

export function unavailable(): ApiError {
  return new ApiError(503, 'The service is temporarily unavailable.', { type: 'api_error' });
}
