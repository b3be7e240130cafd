export type StripeErrorType = 'api_error' | 'idempotency_error' | 'invalid_request_error';

interface ErrorDetails {
  type?: StripeErrorType;
  code?: string;
  param?: string;
  headers?: Readonly<Record<string, string>>;
}

/** A v1 error as Stripe answers it: `{"error":{"type","code"?,"message","param"?}}`. */
export class ApiError extends Error {
  readonly type: StripeErrorType;
  readonly code: string | undefined;
  readonly param: string | undefined;
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
    this.headers = details.headers ?? {};
  }

  /** The object that goes into the body; absent members are left out, as Stripe does. */
  toBody(): object {
    const { type, code, param, message } = this;
    return { error: { ...(code && { code }), message, ...(param && { param }), type } };
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
export type RateLimitedReason = 'global-rate' | 'endpoint-rate';

/** No `Retry-After`: Stripe documents none. The wording is ours, Stripe publishes none. */
export function rateLimited(reason: RateLimitedReason): ApiError {
  return new ApiError(429, 'Request rate limit exceeded. Please retry with exponential backoff.', {
    code: 'rate_limit',
    headers: { 'Stripe-Rate-Limited-Reason': reason },
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
