import { Logger } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { problemOf } from './problem-of.js';
import { SECURITY_HEADERS } from './security-headers.js';

/** Exactly this: `@openmeter/sdk` reads no problem document that has a charset parameter. */
export const PROBLEM_CONTENT_TYPE = 'application/problem+json';

const logger = new Logger('Problem');

/** Answers an error of any origin as a problem document; what is ours to mend goes into the log. */
export function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const problem = problemOf(error);
  const instance = instanceOf(request);
  // Who is turned away is counted; a line for each would be a load of its own.
  if (problem.status >= 500 && problem.code !== 'overloaded') log(error, problem.code, instance);

  // A streamed answer has begun: all that can still be said is that it is not whole.
  if (reply.raw.headersSent) {
    reply.raw.destroy();
    return;
  }
  // Fastify asks to close where a body was refused, and closing resets a client that is still
  // sending, before it has read why. Node reads the rest off, for as long as
  // `cutUnreadBodies` lets it. Who asked for the end itself gets it, and is told so: removing the
  // header would also keep Node from saying it.
  void reply.removeHeader('connection');
  if (!reply.raw.shouldKeepAlive) void reply.header('connection', 'close');
  void reply
    .code(problem.status)
    .headers(SECURITY_HEADERS)
    .headers(problem.headers)
    .header('content-type', PROBLEM_CONTENT_TYPE)
    // As bytes, because Fastify appends a charset to JSON that is sent as text.
    .send(Buffer.from(JSON.stringify(problem.toDocument(instance))));
}

/** The URI by which what went wrong in a request is found in the log. */
export function instanceOf(request: FastifyRequest): string {
  return `urn:countonce:request:${request.id}`;
}

function log(error: unknown, code: string, instance: string): void {
  const message = error instanceof Error ? error.message : String(error);
  const line = `${instance} ${code}: ${message}`;
  if (code !== 'internal_error') logger.warn(line);
  else logger.error(line, error instanceof Error ? error.stack : undefined);
}
