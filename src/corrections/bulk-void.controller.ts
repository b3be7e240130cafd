import { Body, Controller, Get, Param, Post, Res } from '@nestjs/common';
import { ApiAcceptedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { CanNeedApproval, isDryRun } from '../access/approval/can-need-approval.js';
import { Caller, type Principal } from '../access/caller.js';
import { RequireScope } from '../access/require-scope.js';
import { BulkVoidAnswer } from './bulk-void.answer.js';
import { CreateBulkVoidDto } from './bulk-void.dto.js';
import { BulkVoidService } from './bulk-void.service.js';

@ApiTags('usage events')
@Controller('v1/voids')
export class BulkVoidController {
  constructor(private readonly voids: BulkVoidService) {}

  /** 200 with the finished job, or 202 and its id where it takes longer. */
  @Post()
  @RequireScope('usage:adjust')
  @CanNeedApproval('usage_event.void', { isHarmless: (body) => isDryRun(body) })
  @ApiOperation({ summary: 'Take many usage events out of everything they count in' })
  @ApiOkResponse({ type: BulkVoidAnswer, description: 'It is finished' })
  @ApiAcceptedResponse({ type: BulkVoidAnswer, description: 'It goes on; ask for it by its id' })
  async create(
    @Caller() caller: Principal,
    @Body() body: CreateBulkVoidDto,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<BulkVoidAnswer> {
    const answer = await this.voids.create(caller.tenantId, body);
    reply.status(answer.status === 'running' ? 202 : 200);
    return answer;
  }

  @Get(':id')
  @RequireScope('usage:read')
  @ApiOperation({ summary: 'How far a void of many events has come' })
  @ApiOkResponse({ type: BulkVoidAnswer })
  get(@Caller() caller: Principal, @Param('id') id: string): Promise<BulkVoidAnswer> {
    return this.voids.get(caller.tenantId, id);
  }
}
