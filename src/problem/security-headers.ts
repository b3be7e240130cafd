import type { FastifyInstance } from 'fastify';

/**
 * Of every answer. What we answer is for programs: nothing in it is to be run, framed, guessed the
 * type of, or kept. `Strict-Transport-Security` is not among them: it is for whoever ends TLS to say.
 */
export const SECURITY_HEADERS = {
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
} as const;

/** Sets them before anything else, so that refusals have them as well; a route may set its own. */
export function registerSecurityHeaders(fastify: FastifyInstance): void {
  fastify.addHook('onRequest', async (_request, reply) => {
    void reply.headers(SECURITY_HEADERS);
  });
}
