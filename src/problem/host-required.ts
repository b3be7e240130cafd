import type { FastifyInstance } from 'fastify';
import { Problem } from './problem.js';

/**
 * RFC 9112, 3.2: a request of HTTP/1.1 without `Host` is answered 400. Node would do so by itself,
 * without a word of why; to be called before the routes are registered.
 */
export function registerHostRequired(fastify: FastifyInstance): void {
  fastify.addHook('onRequest', async ({ raw, headers }) => {
    if (headers.host !== undefined || raw.httpVersion !== '1.1') return;
    throw new Problem('bad_request', 'HTTP/1.1 asks for a Host header');
  });
}
