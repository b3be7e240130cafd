import { HttpException } from '@nestjs/common';
import type { ProblemCode } from './codes.js';
import { databaseOutage } from './database-outage.js';
import { Problem } from './problem.js';

/** What Nest and Fastify refuse by themselves, by the status they give. */
const CODES_BY_STATUS: Readonly<Record<number, ProblemCode>> = {
  400: 'bad_request',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not_found',
  405: 'method_not_allowed',
  406: 'not_acceptable',
  408: 'request_timeout',
  409: 'conflict',
  413: 'payload_too_large',
  414: 'uri_too_long',
  415: 'unsupported_media_type',
  422: 'validation_failed',
  429: 'rate_limited',
  431: 'headers_too_large',
  503: 'service_unavailable',
};

/** Nest's text where no route matches, in the router of Fastify. */
const NO_ROUTE = /^Cannot [A-Z-]+ /;

/** The problem that an error of any origin is to the client; nothing of its inside gets out. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;

  const outage = databaseOutage(error);
  if (outage !== undefined) return new Problem(outage, 'send the same again', { cause: error });

  const status = statusOf(error);
  if (status === undefined || !(error instanceof Error)) {
    return new Problem('internal_error', 'it is in the log under the instance', { cause: error });
  }
  if (status === 404 && NO_ROUTE.test(error.message)) {
    return new Problem('route_not_found', error.message, { cause: error });
  }
  const code = CODES_BY_STATUS[status] ?? (status < 500 ? 'bad_request' : 'internal_error');
  const detail = code === 'internal_error' ? 'it is in the log under the instance' : error.message;
  return new Problem(code, detail, { cause: error });
}

/** Of Nest's exceptions, and of Fastify's errors, which carry a status and an FST code. */
function statusOf(error: unknown): number | undefined {
  if (error instanceof HttpException) return error.getStatus();
  const isFastify = error instanceof Error && error.name === 'FastifyError';
  return isFastify && 'statusCode' in error && typeof error.statusCode === 'number'
    ? error.statusCode
    : undefined;
}
