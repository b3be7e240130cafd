import type { ApiError } from './errors.js';

export interface ApiResponse {
  readonly status: number;
  /** Exact bytes, so that a replay is the same to the byte. */
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Stripe answers indented JSON. */
export function jsonResponse(
  status: number,
  body: object,
  headers: Readonly<Record<string, string>> = {},
): ApiResponse {
  return { status, body: `${JSON.stringify(body, null, 2)}\n`, headers };
}

export function errorResponse(error: ApiError): ApiResponse {
  return jsonResponse(error.status, error.toBody(), error.headers);
}
