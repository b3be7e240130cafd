import type { CodeEntry } from './code-entry.js';

/** Codes of a request as a whole. */
export const REQUEST_CODES = {
  bad_request: {
    status: 400,
    title: 'The request cannot be understood',
    remedy: 'Correct what `detail` names.',
  },
  empty_body: {
    status: 400,
    title: 'The body is empty',
    remedy: 'Send a JSON document, or leave out the content type where none is needed.',
  },
  invalid_utf8: {
    status: 400,
    title: 'The body is not UTF-8',
    remedy: 'Encode the body as UTF-8 and send it again.',
  },
  invalid_gzip: {
    status: 400,
    title: 'The body is not the gzip it says it is',
    remedy: 'Compress the whole body again, or send it without `Content-Encoding`.',
  },
  invalid_json: {
    status: 400,
    title: 'The body is not JSON',
    remedy: 'Check that the body was sent whole and was made by a JSON library.',
  },
  duplicate_key: {
    status: 400,
    title: 'An object has the same key twice',
    remedy: 'Send each key once; readers differ in which of the two they keep.',
  },
  nesting_too_deep: {
    status: 400,
    title: 'The body is nested deeper than 8 levels',
    remedy: 'Send flat properties.',
  },
  idempotency_key_invalid: {
    status: 400,
    title: 'The idempotency key is not one',
    remedy: 'Send 1 to 255 visible ASCII characters as `Idempotency-Key`, such as a random UUID.',
  },
  request_aborted: {
    status: 400,
    title: 'The body ended before its end',
    remedy: 'Send the whole again; what was recorded already is answered as a duplicate.',
  },
  unauthorized: {
    status: 401,
    title: 'The API key is missing or not valid',
    remedy: 'Send `Authorization: Bearer <api key>` with a key that has not been revoked.',
  },
  insufficient_scope: {
    status: 403,
    title: 'The API key lacks a scope',
    remedy: 'Use a key with the scope that `detail` names.',
  },
  forbidden: {
    status: 403,
    title: 'This is not allowed',
    remedy: 'See `detail`.',
  },
  route_not_found: {
    status: 404,
    title: 'There is no such route',
    remedy: 'Check method and path against `/docs`.',
  },
  not_found: {
    status: 404,
    title: 'There is no such thing',
    remedy: 'Check the id in the path.',
  },
  method_not_allowed: {
    status: 405,
    title: 'The route has no such method',
    remedy: 'Check the method against `/docs`.',
  },
  not_acceptable: {
    status: 406,
    title: 'No answer of the kind asked for',
    remedy: 'Accept `application/json`.',
  },
  request_timeout: {
    status: 408,
    title: 'The request took too long to arrive',
    remedy: 'Send it again, in smaller parts.',
  },
  conflict: {
    status: 409,
    title: 'This contradicts what is there',
    remedy: 'Read what is there; see `detail`.',
  },
  idempotency_key_in_use: {
    status: 409,
    title: 'The first request with this idempotency key is still running',
    remedy: 'Wait for `Retry-After` and send the same again, with the same key.',
  },
  payload_too_large: {
    status: 413,
    title: 'The body is larger than 16 MiB',
    remedy: 'Send smaller batches, or NDJSON, which may be of any length.',
  },
  uri_too_long: {
    status: 414,
    title: 'The URL is too long',
    remedy: 'Shorten the query.',
  },
  unsupported_media_type: {
    status: 415,
    title: 'The content type is not read here',
    remedy: 'Send `Content-Type: application/json`, or one that the route names in `/docs`.',
  },
  unsupported_content_encoding: {
    status: 415,
    title: 'The content encoding is not read here',
    remedy: 'Send the body as it is or with `Content-Encoding: gzip`.',
  },
  validation_failed: {
    status: 422,
    title: 'The request breaks a rule',
    remedy: 'Correct what `errors` points at.',
  },
  idempotency_key_reused: {
    status: 422,
    title: 'The idempotency key belongs to another request',
    remedy: 'Send what was sent with the key before, or take a new key for what is new.',
  },
  rate_limited: {
    status: 429,
    title: 'Too many requests',
    remedy: 'Wait for `Retry-After` and send the same again.',
  },
  headers_too_large: {
    status: 431,
    title: 'The headers are too large',
    remedy: 'Send fewer or shorter headers.',
  },
  internal_error: {
    status: 500,
    title: 'Something broke here',
    remedy: 'Send the same again later; tell us the `instance` if it stays.',
  },
  overloaded: {
    status: 503,
    title: 'Too much at once',
    remedy: 'Wait for `Retry-After` and send the same again.',
  },
  service_unavailable: {
    status: 503,
    title: 'Not available now',
    remedy: 'Wait for `Retry-After` and send the same again.',
  },
  database_unavailable: {
    status: 503,
    title: 'The database cannot be reached',
    remedy: 'Wait for `Retry-After` and send the same again; nothing is counted twice.',
  },
  database_busy: {
    status: 503,
    title: 'The database did not get to it in time',
    remedy: 'Wait for `Retry-After` and send the same again; nothing is counted twice.',
  },
} as const satisfies Record<string, CodeEntry>;
