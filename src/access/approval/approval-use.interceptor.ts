import {
  Injectable,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { from, lastValueFrom, type Observable } from 'rxjs';
import { actAs, currentActor } from '../audit/actor.js';
import { ApprovalRequestsService, type AdmittedRequest } from './approval-requests.service.js';

/**
 * Uses the approval of a command up and runs it in its name. Stands after idempotency keys: a kept
 * answer is sent again without it, and what a command does under a key is one with the use.
 */
@Injectable()
export class ApprovalUseInterceptor implements NestInterceptor {
  constructor(private readonly requests: ApprovalRequestsService) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const { admitted } = context.switchToHttp().getRequest<FastifyRequest>();
    return admitted === undefined ? next.handle() : from(this.run(admitted, next));
  }

  private async run(admitted: AdmittedRequest, next: CallHandler): Promise<unknown> {
    const approval = await this.requests.use(admitted);
    return actAs({ ...currentActor(), approval }, () =>
      lastValueFrom(next.handle(), { defaultValue: undefined }),
    );
  }
}
