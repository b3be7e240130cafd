import { STATUS_CODES } from 'node:http';
import type { ApiError } from './errors.js';

/** The two generations of Stripe's API, with shapes, keys and windows of their own. */
export type Api = 'v1' | 'v2';

export function apiOf(path: string): Api {
  return path.startsWith('/v2/') ? 'v2' : 'v1';
}

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

export function errorResponse(error: ApiError, api: Api): ApiResponse {
  const body = api === 'v1' ? error.toBody() : error.toV2Body();
  return jsonResponse(error.status, body, error.headers);
}

/** What a proxy in front of Stripe answers. */
export function htmlResponse(status: number): ApiResponse {
  const title = `${status} ${STATUS_CODES[status] ?? 'Error'}`;
  const body =
    `<html>\r\n<head><title>${title}</title></head>\r\n<body>\r\n` +
    `<center><h1>${title}</h1></center>\r\n</body>\r\n</html>\r\n`;
  return { status, body, headers: { 'Content-Type': 'text/html' } };
}
