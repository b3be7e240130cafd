import { randomUUID } from 'node:crypto';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { LoggerService } from '@nestjs/common';
import { AccessGuard } from './access/access.guard.js';
import { ApiKeyService } from './access/api-key.service.js';
import { registerAuthentication } from './access/authentication.js';
import { ApprovalRequestInterceptor } from './access/approval/approval-request.interceptor.js';
import { ApprovalUseInterceptor } from './access/approval/approval-use.interceptor.js';
import { FailedTries } from './access/failed-tries.js';
import { InFlight } from './access/in-flight.js';
import { KeyUse } from './access/key-use.js';
import { RateLimit } from './access/rate-limit.js';
import { CountonceModule } from './countonce.module.js';
import { IdempotencyInterceptor } from './idempotency/idempotency.interceptor.js';
import { registerBodyParsers } from './ingest/request-body.js';
import { Metrics } from './metrics/metrics.js';
import { OpenApiDocument } from './openapi/openapi-document.js';
import type { CountonceOptions } from './options.js';
import { registerAllowedMethods } from './problem/allowed-methods.js';
import { ProblemFilter } from './problem/problem.filter.js';
import { registerGoingDown } from './problem/going-down.js';
import { registerHostRequired } from './problem/host-required.js';
import { registerSecurityHeaders } from './problem/security-headers.js';
import { serverProblems } from './problem/server-problems.js';
import { ProblemValidationPipe } from './problem/validation.pipe.js';

/** A client that is slower with its headers than this is cut; bodies have limits of their own. */
const HEADERS_TIMEOUT_MS = 10_000;
const CHECK_CONNECTIONS_EVERY_MS = 2_000;
/** Longer than a usual load balancer keeps its connections, so that it is never us who close first. */
const KEEP_ALIVE_TIMEOUT_MS = 72_000;
/** Nothing comes and nothing is read: four times as long as any answer lets wait for itself. */
const SILENCE_MAX_MS = 100_000;
const PARAMETER_CHARACTERS_MAX = 2_048;

/** The HTTP application, not yet listening. */
export async function createApp(
  options: CountonceOptions,
  logger: LoggerService | false,
): Promise<NestFastifyApplication> {
  const adapter = new FastifyAdapter({
    ...serverProblems,
    // Stands in problem documents and in the log; Fastify's own numbers begin anew at every start.
    genReqId: () => randomUUID(),
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    // No `requestTimeout`: a stream may take hours. What is too slow is cut where it is read.
    connectionTimeout: SILENCE_MAX_MS,
    routerOptions: { maxParamLength: PARAMETER_CHARACTERS_MAX },
    forceCloseConnections: 'idle',
    // `registerGoingDown` answers in its place.
    return503OnClosing: false,
    http: {
      headersTimeout: HEADERS_TIMEOUT_MS,
      connectionsCheckingInterval: CHECK_CONNECTIONS_EVERY_MS,
      // Node's own refusal has no body; ours is in `registerHostRequired`.
      requireHostHeader: false,
    },
  });
  const http = options.config.ROLE === 'worker' ? 'health' : 'api';
  const app = await NestFactory.create<NestFastifyApplication>(
    CountonceModule.forRootAsync({ useFactory: () => options, http }),
    adapter,
    { bodyParser: false, logger, abortOnError: false },
  );
  configureHttp(app);
  app.get(OpenApiDocument).describe(app);
  return app;
}

/** What the routes of Countonce need of the application that serves them. */
export function configureHttp(app: NestFastifyApplication): void {
  const fastify = app.getHttpAdapter().getInstance();
  registerSecurityHeaders(fastify);
  registerGoingDown(fastify);
  registerHostRequired(fastify);
  // RFC 9110, 10.1.1 lets a server pass over what it does not know; Node answers 417, without a body.
  fastify.server.on('checkExpectation', (request, response) => {
    fastify.server.emit('request', request, response);
  });
  registerAllowedMethods(fastify);
  registerBodyParsers(fastify);
  const inFlight = new InFlight(app.get(Metrics));
  inFlight.registerAll(fastify);
  registerAuthentication(fastify, {
    apiKeys: app.get(ApiKeyService),
    failedTries: app.get(FailedTries),
    keyUse: app.get(KeyUse),
    rateLimit: app.get(RateLimit),
  });
  inFlight.registerKeys(fastify);
  const { requestSeconds } = app.get(Metrics);
  fastify.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'none';
    requestSeconds.observe(
      { method: request.method, route, status: reply.statusCode },
      reply.elapsedTime / 1_000,
    );
    done();
  });
  app.useGlobalFilters(new ProblemFilter());
  app.useGlobalPipes(new ProblemValidationPipe());
  app.useGlobalGuards(app.get(AccessGuard));
  app.useGlobalInterceptors(
    app.get(ApprovalRequestInterceptor),
    app.get(IdempotencyInterceptor),
    app.get(ApprovalUseInterceptor),
  );
}
