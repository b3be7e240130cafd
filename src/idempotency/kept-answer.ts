import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ProblemCode } from '../problem/codes.js';
import type { Problem } from '../problem/problem.js';
import { problemOf } from '../problem/problem-of.js';
import { instanceOf, PROBLEM_CONTENT_TYPE } from '../problem/send-problem.js';
import type { CommandAnswer } from './command-answer.store.js';

/** What an answer says beside its body; all else is about the connection, the moment or the caller. */
const KEPT_HEADERS = ['content-type', 'content-location', 'etag', 'link', 'location'] as const;
const JSON_TYPE = 'application/json; charset=utf-8';

/** Where the command was understood and refused for good; what breaks a rule of form never began. */
const REFUSALS: ReadonlySet<number> = new Set([404, 409, 410, 422]);

/** Refusals of the moment alone. */
const NEVER_KEPT: ReadonlySet<ProblemCode> = new Set([
  'validation_failed',
  'approval_required',
  'approval_used',
]);

/** What is kept of an answer that a handler gave. */
export function keptAnswer(
  reply: FastifyReply,
  result: unknown,
  secrets: readonly string[],
): CommandAnswer {
  const body = JSON.stringify(withoutMembers(result, secrets)) as string | undefined;
  const headers = body === undefined ? {} : { 'content-type': JSON_TYPE };
  return {
    status: reply.statusCode,
    headers: { ...headers, ...keptHeaders(reply.getHeaders()) },
    body: body ?? null,
  };
}

/** What is kept of an error: nothing where the same may succeed another time. */
export function keptRefusal(error: unknown, request: FastifyRequest): CommandAnswer | undefined {
  const problem = problemOf(error);
  if (!isRefusal(problem)) return undefined;
  return {
    status: problem.status,
    headers: { ...keptHeaders(problem.headers), 'content-type': PROBLEM_CONTENT_TYPE },
    body: JSON.stringify(problem.toDocument(instanceOf(request))),
  };
}

/** @returns The body to send; as bytes, so that nothing is added to it or its type. */
export function replay(answer: CommandAnswer, reply: FastifyReply): Buffer | undefined {
  void reply.code(answer.status).headers(answer.headers).header('idempotency-replayed', 'true');
  return answer.body === null ? undefined : Buffer.from(answer.body);
}

function isRefusal({ status, code }: Problem): boolean {
  return REFUSALS.has(status) && !NEVER_KEPT.has(code);
}

function keptHeaders(headers: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(
    KEPT_HEADERS.flatMap((name) => {
      const value = headers[name];
      return typeof value === 'string' ? [[name, value]] : [];
    }),
  );
}

function withoutMembers(value: unknown, names: readonly string[]): unknown {
  if (names.length === 0 || typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).filter(([name]) => !names.includes(name)));
}
