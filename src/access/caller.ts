import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Problem } from '../problem/problem.js';
import type { Scope } from './scope.js';

/** Whose key a request carries. */
export interface Principal {
  readonly tenantId: string;
  readonly keyId: string;
  readonly scopes: readonly Scope[];
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Set before the body is read; only routes that are public go on without. */
    principal: Principal | undefined;
  }
}

/** The one refusal of a missing, misspelt, unknown or revoked key: its words tell them not apart. */
export function unauthorized(): Problem {
  return new Problem('unauthorized', 'no valid API key was sent');
}

/** Hands the caller to a handler: `@Caller() caller: Principal`. */
export const Caller = createParamDecorator((_: unknown, context: ExecutionContext): Principal => {
  const { principal } = context.switchToHttp().getRequest<FastifyRequest>();
  if (principal === undefined) throw unauthorized();
  return principal;
});
