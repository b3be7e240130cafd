import { Body, Controller, Get, Param, Post, Req, Res } from '@nestjs/common';
import { ApiAcceptedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { CanNeedApproval, isDryRun } from '../access/approval/can-need-approval.js';
import { Caller, type Principal } from '../access/caller.js';
import { RequireScope } from '../access/require-scope.js';
import { Problem } from '../problem/problem.js';
import { CreatePeriodCloseDto, PeriodCloseAnswer } from './period-close.dto.js';
import { PeriodCloseService } from './period-close.service.js';

@ApiTags('billing periods')
@Controller('v1/period-closes')
export class PeriodCloseController {
  constructor(private readonly closes: PeriodCloseService) {}

  /** 200 with the finished close, or 202 and its id where it takes longer. */
  @Post()
  @RequireScope('billing:write')
  @CanNeedApproval('period.close', { isHarmless: (body) => isDryRun(body) })
  @ApiOperation({ summary: 'Close every billing period that ended by an instant' })
  @ApiOkResponse({ type: PeriodCloseAnswer, description: 'It is finished' })
  @ApiAcceptedResponse({ type: PeriodCloseAnswer, description: 'It goes on; ask for it by its id' })
  async create(
    @Caller() caller: Principal,
    @Body() body: CreatePeriodCloseDto,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<PeriodCloseAnswer> {
    // A close cannot be taken back: one of everything must be asked for, by `{}`.
    if (request.body === undefined) {
      throw new Problem('empty_body', 'send {} to close all that ended by now');
    }
    const answer = await this.closes.close(caller.tenantId, body);
    reply.status(answer.status === 'running' ? 202 : 200);
    return answer;
  }

  @Get(':id')
  @RequireScope('usage:read')
  @ApiOperation({ summary: 'How far a close has come' })
  @ApiOkResponse({ type: PeriodCloseAnswer })
  get(@Caller() caller: Principal, @Param('id') id: string): Promise<PeriodCloseAnswer> {
    return this.closes.get(caller.tenantId, id);
  }
}
