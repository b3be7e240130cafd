import type { FastifyInstance } from 'fastify';
import { Problem } from './problem.js';

/**
 * Tells who still sends on a connection that is open while the process goes down to come again; Fastify
 * would do so by itself, and not as a problem document. To be called before the routes are registered.
 */
export function registerGoingDown(fastify: FastifyInstance): void {
  let isGoingDown = false;
  fastify.addHook('preClose', async () => {
    isGoingDown = true;
  });
  fastify.addHook('onRequest', async (_, reply) => {
    if (!isGoingDown) return;
    reply.raw.shouldKeepAlive = false;
    throw new Problem('service_unavailable', 'the process is shutting down');
  });
}
