import type { FastifyInstance } from 'fastify';

/** To read why a request was refused, while its body is still on its way. */
const LINGER_MS = 5_000;

/**
 * Cuts who was answered and goes on sending. Node reads such a body off and drops it, however long
 * it takes; without a key, a byte a second would hold a connection for ever.
 */
export function cutUnreadBodies(fastify: FastifyInstance, lingerMs: number = LINGER_MS): void {
  fastify.addHook('onResponse', async ({ raw }) => {
    if (raw.complete || raw.destroyed) return;
    const timer = setTimeout(() => {
      if (!raw.complete) raw.socket.destroy();
    }, lingerMs);
    raw.once('close', () => clearTimeout(timer));
  });
}
