import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { withinTenant } from '../database/tenant-scope.js';
import type { ApiKeyService } from './api-key.service.js';
import { actAs } from './audit/actor.js';
import { unauthorized } from './caller.js';
import type { FailedTries } from './failed-tries.js';
import type { KeyUse } from './key-use.js';
import type { RateLimit } from './rate-limit.js';

const AUTHENTICATED = /^\/v1(?:\/|$)/;

/** With what is remembered of keys, a revoked one is cut off everywhere within a minute. */
const STREAM_CHECKED_EVERY_MS = 10_000;

export interface Door {
  readonly apiKeys: ApiKeyService;
  readonly failedTries: FailedTries;
  readonly keyUse: KeyUse;
  readonly rateLimit: RateLimit;
}

/**
 * Finds out who is calling before a byte of the body is read, so that a stranger can neither make
 * us inflate one nor learn from it how we parse. Paths outside /v1 are left alone. What a handler does
 * is work of the caller's tenant alone, and what it changes is changed in the name of the key.
 *
 * To be called before the routes are registered.
 */
export function registerAuthentication(
  fastify: FastifyInstance,
  { apiKeys, failedTries, keyUse, rateLimit }: Door,
): void {
  fastify.decorateRequest('principal', undefined);
  fastify.addHook('onRequest', async (request, reply) => {
    const { url, config } = request.routeOptions;
    if (url === undefined || !AUTHENTICATED.test(url) || config.public === true) return;
    const judged = await apiKeys.judge(request.headers.authorization);
    if (!('tenantId' in judged)) throw failedTries.refuse(judged, request.ip);
    request.principal = judged;
    const left = rateLimit.take(judged);
    if (left !== undefined) void reply.headers(left);
    keyUse.note(judged);
  });
  fastify.addHook('preHandler', async (request) => {
    if (request.principal !== undefined) cutWhenRevoked(request, apiKeys);
  });
  // Not earlier: what comes after a body is read runs in the context of the socket.
  fastify.addHook('preValidation', (request, _, done) => {
    const keyId = request.principal?.keyId;
    if (keyId === undefined) done();
    else actAs({ kind: 'api_key', id: keyId }, done);
  });
  // Once the body is there: what reads it has calls of its own.
  fastify.addHook('preHandler', ({ principal }, _, done) => {
    if (principal === undefined) done();
    else withinTenant(principal.tenantId, done);
  });
}

/** A stream may outlive its key by hours. What was answered before the cut stays recorded. */
function cutWhenRevoked({ body, headers }: FastifyRequest, apiKeys: ApiKeyService): void {
  if (!(body instanceof Readable)) return;
  const check = async (): Promise<void> => {
    if ((await apiKeys.authenticate(headers.authorization)) === undefined) {
      body.destroy(unauthorized());
    }
  };
  // Where the database cannot be asked, what is sent cannot be recorded either.
  const timer = setInterval(() => void check().catch(() => undefined), STREAM_CHECKED_EVERY_MS);
  body.once('close', () => clearInterval(timer));
}
