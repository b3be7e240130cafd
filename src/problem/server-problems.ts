import type { FastifyReply, FastifyRequest } from 'fastify';
import { randomUUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { ProblemCode } from './codes.js';
import { Problem } from './problem.js';
import { SECURITY_HEADERS } from './security-headers.js';
import { PROBLEM_CONTENT_TYPE, sendProblem } from './send-problem.js';

/**
 * Options for the FastifyAdapter: problem documents also for what comes before any route, a URL
 * that cannot be decoded and bytes that are not HTTP.
 */
export const serverProblems = {
  frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply): void =>
    sendProblem(error, request, reply),
  clientErrorHandler: answerClientError,
};

/** By Node's code of the error; all others are HTTP that cannot be parsed. */
const CODES: Readonly<Record<string, ProblemCode>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
  HPE_HEADER_OVERFLOW: 'headers_too_large',
};

const HEADER_LINES = Object.entries(SECURITY_HEADERS)
  .map(([name, value]) => `${name}: ${value}\r\n`)
  .join('');

/** There is no request and no response yet, so the answer is written by hand. */
function answerClientError(error: Error & { code?: string }, socket: Socket): void {
  // After a reset nobody is there to be answered.
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  if (socket.writable) {
    const problem = new Problem(CODES[error.code ?? ''] ?? 'bad_request', error.message);
    const body = JSON.stringify(problem.toDocument(`urn:countonce:request:${randomUUID()}`));
    socket.write(
      `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\n` +
        `Content-Type: ${PROBLEM_CONTENT_TYPE}\r\n` +
        `Content-Length: ${Buffer.byteLength(body)}\r\n` +
        `${HEADER_LINES}Connection: close\r\n\r\n${body}`,
    );
  }
  socket.destroySoon();
}
