import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { Problem } from '../problem/problem.js';
import { unauthorized } from './caller.js';
import { PUBLIC_ROUTE, REQUIRED_SCOPE } from './require-scope.js';
import type { Scope } from './scope.js';

/** Lets a request through to its route where the key's scopes allow it; every route must say so. */
@Injectable()
export class AccessGuard implements CanActivate {
  constructor(private readonly reflector: Reflector) {}

  canActivate(context: ExecutionContext): boolean {
    const handler = context.getHandler();
    if (this.reflector.get<true | undefined>(PUBLIC_ROUTE, handler)) return true;

    const scope = this.reflector.get<Scope | undefined>(REQUIRED_SCOPE, handler);
    if (scope === undefined) {
      throw new Error(`${context.getClass().name}.${handler.name} says neither scope nor public`);
    }
    const { principal } = context.switchToHttp().getRequest<FastifyRequest>();
    if (principal === undefined) throw unauthorized();
    if (!principal.scopes.includes(scope)) {
      throw new Problem('insufficient_scope', `the API key lacks the scope ${scope}`, {
        extensions: { scope },
      });
    }
    return true;
  }
}
