import { Body, Controller, Get, HttpCode, Param, Post, Res } from '@nestjs/common';
import { ApiAcceptedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { CanNeedApproval, memberOf } from '../access/approval/can-need-approval.js';
import { Caller, type Principal } from '../access/caller.js';
import { RequireScope } from '../access/require-scope.js';
import { onceInCommand } from '../database/command-context.js';
import { ReplayAnswer } from './replay.answer.js';
import { CreateReplayDto } from './replay.dto.js';
import { ReplayService } from './replay.service.js';

@ApiTags('replays')
@Controller('v1/replays')
export class ReplayController {
  constructor(private readonly replays: ReplayService) {}

  /** 200 with the finished replay, or 202 and its id where it takes longer: a worker does it. */
  @Post()
  @HttpCode(200)
  @RequireScope('billing:write')
  @CanNeedApproval('replay.apply', { isHarmless: (body) => memberOf(body, 'mode') === 'verify' })
  @ApiOperation({ summary: 'Hold totals and statements against the ledger, or put totals right' })
  @ApiOkResponse({ type: ReplayAnswer, description: 'It is finished' })
  @ApiAcceptedResponse({ type: ReplayAnswer, description: 'It goes on; ask for it by its id' })
  async create(
    @Caller() { tenantId }: Principal,
    @Body() body: CreateReplayDto,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ReplayAnswer> {
    const id = await onceInCommand(() => this.replays.begin(tenantId, body, { byCommand: false }));
    return this.answer(tenantId, id, reply);
  }

  @Get(':id')
  @RequireScope('usage:read')
  @ApiOperation({ summary: 'How far a replay has come, and what it found' })
  @ApiOkResponse({ type: ReplayAnswer })
  get(@Caller() caller: Principal, @Param('id') id: string): Promise<ReplayAnswer> {
    return this.replays.get(caller.tenantId, id);
  }

  @Post(':id/reversals')
  @HttpCode(200)
  @RequireScope('billing:write')
  @CanNeedApproval('replay.revert')
  @ApiOperation({ summary: 'Put back what a replay replaced' })
  @ApiOkResponse({ type: ReplayAnswer, description: 'It is finished' })
  @ApiAcceptedResponse({ type: ReplayAnswer, description: 'It goes on; ask for it by its id' })
  async revert(
    @Caller() { tenantId }: Principal,
    @Param('id') id: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ReplayAnswer> {
    const reversal = await onceInCommand(() =>
      this.replays.beginReversal(tenantId, id, { byCommand: false }),
    );
    return this.answer(tenantId, reversal, reply);
  }

  private async answer(tenantId: string, id: string, reply: FastifyReply): Promise<ReplayAnswer> {
    const answer = await this.replays.await(tenantId, id);
    reply.status(answer.status === 'running' ? 202 : 200);
    return answer;
  }
}
