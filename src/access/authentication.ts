import type { FastifyInstance } from 'fastify';
import type { ApiKeyService } from './api-key.service.js';
import { actAs } from './audit/actor.js';
import { unauthorized } from './caller.js';

const AUTHENTICATED = /^\/v1(?:\/|$)/;

/**
 * Finds out who is calling before a byte of the body is read, so that a stranger can neither make
 * us inflate one nor learn from it how we parse. Paths outside /v1 are left alone. What the request
 * changes is changed in its key's name.
 *
 * To be called before the routes are registered.
 */
export function registerAuthentication(fastify: FastifyInstance, apiKeys: ApiKeyService): void {
  fastify.decorateRequest('principal', undefined);
  fastify.addHook('onRequest', async (request) => {
    const { url, config } = request.routeOptions;
    if (url === undefined || !AUTHENTICATED.test(url) || config.public === true) return;
    request.principal = await apiKeys.authenticate(request.headers.authorization);
    if (request.principal === undefined) throw unauthorized();
  });
  // Not earlier: what comes after a body is read runs in the context of the socket.
  fastify.addHook('preValidation', (request, _, done) => {
    const keyId = request.principal?.keyId;
    if (keyId === undefined) done();
    else actAs({ kind: 'api_key', id: keyId }, done);
  });
}
