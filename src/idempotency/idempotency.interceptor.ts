import { Readable } from 'node:stream';
import {
  Injectable,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { from, lastValueFrom, type Observable } from 'rxjs';
import { unauthorized } from '../access/caller.js';
import { readIdempotencyKey, requestHash, type CommandKey } from './command-key.js';
import { answerSecrets, isCommand } from './command-route.js';
import { keptAnswer, keptRefusal, replay } from './kept-answer.js';
import { KeyedCommands } from './keyed-commands.js';

/** Answers a command that is sent again under its `Idempotency-Key` with the first answer. */
@Injectable()
export class IdempotencyInterceptor implements NestInterceptor {
  constructor(
    private readonly reflector: Reflector,
    private readonly commands: KeyedCommands,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const handler = context.getHandler() as () => unknown;
    if (!isCommand(this.reflector, handler)) return next.handle();
    const http = context.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const key = readIdempotencyKey(request.headers['idempotency-key']);
    if (key === undefined) return next.handle();
    return from(this.answer(keyOf(request, key), request, http.getResponse(), handler, next));
  }

  private async answer(
    command: CommandKey,
    request: FastifyRequest,
    reply: FastifyReply,
    handler: () => unknown,
    next: CallHandler,
  ): Promise<unknown> {
    const secrets = answerSecrets(this.reflector, handler);
    const outcome = await this.commands.run<unknown>(command, {
      handle: () => lastValueFrom(next.handle(), { defaultValue: undefined }),
      answerOf: (result) => keptAnswer(reply, result, secrets),
      refusalOf: (error) => keptRefusal(error, request),
    });
    return 'replayed' in outcome ? replay(outcome.replayed, reply) : outcome.result;
  }
}

function keyOf(request: FastifyRequest, key: string): CommandKey {
  const { params, query, body, method, principal, routeOptions } = request;
  if (principal === undefined) throw unauthorized();
  return {
    tenantId: principal.tenantId,
    route: `${method} ${routeOptions.url ?? ''}`,
    key,
    // No command takes a stream: it is refused before it is read.
    hash: requestHash(params, query, body instanceof Readable ? null : body),
  };
}
