import type { FastifyInstance } from 'fastify';
import { withinTenant } from '../database/tenant-scope.js';
import type { ApiKeyService } from './api-key.service.js';
import { unauthorized } from './caller.js';

const AUTHENTICATED = /^\/v1(?:\/|$)/;

/**
 * Finds out who is calling before a byte of the body is read, so that a stranger can neither make
 * us inflate one nor learn from it how we parse. Paths outside /v1 are left alone. All that a handler
 * does afterwards is work of the caller's tenant.
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
  // Once the body is there: what reads it has calls of its own.
  fastify.addHook('preHandler', ({ principal }, _, done) => {
    if (principal === undefined) done();
    else withinTenant(principal.tenantId, done);
  });
}
