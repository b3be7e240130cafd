import {
  Injectable,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { from, mergeMap, type Observable } from 'rxjs';
import { readIdempotencyKey } from '../../idempotency/command-key.js';
import { isCommand } from '../../idempotency/command-route.js';
import { ProblemValidationPipe } from '../../problem/validation.pipe.js';
import { unauthorized } from '../caller.js';
import { ApprovalPolicyService } from './approval-policy.service.js';
import { ApprovalRequestsService, type AdmittedRequest } from './approval-requests.service.js';
import { approvalRule, type ApprovalRule } from './can-need-approval.js';
import { guardedRequest } from './guarded-request.js';
import { judgeBody } from './handler-body.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Set where the command needs an approval: it is used up right before the command runs. */
    admitted?: AdmittedRequest;
  }
}

/**
 * Asks for an approval where the tenant's policy names the command. Stands before idempotency keys:
 * what is refused here never was the command's answer.
 */
@Injectable()
export class ApprovalRequestInterceptor implements NestInterceptor {
  private readonly pipe = new ProblemValidationPipe();

  constructor(
    private readonly reflector: Reflector,
    private readonly policies: ApprovalPolicyService,
    private readonly requests: ApprovalRequestsService,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const rule = approvalRule(this.reflector, context.getHandler() as () => unknown);
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    if (rule === undefined || rule.isHarmless?.(request.body) === true) return next.handle();
    return from(this.admit(context, rule, request)).pipe(mergeMap(() => next.handle()));
  }

  private async admit(
    context: ExecutionContext,
    rule: ApprovalRule,
    request: FastifyRequest,
  ): Promise<void> {
    const { principal } = request;
    if (principal === undefined) throw unauthorized();
    if (!(await this.policies.guards(principal.tenantId, rule.command))) return;
    const isKeyed = isCommand(this.reflector, context.getHandler() as () => unknown);
    const key = isKeyed ? readIdempotencyKey(request.headers['idempotency-key']) : undefined;
    const guarded = guardedRequest(principal, request, rule, key);
    await judgeBody(this.pipe, context, request.body);
    const admitted = await this.requests.admit(guarded);
    if (admitted !== undefined) request.admitted = admitted;
  }
}
