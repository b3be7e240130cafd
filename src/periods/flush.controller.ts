import { Body, Controller, HttpCode, Param, Post, Res } from '@nestjs/common';
import { ApiAcceptedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Caller, type Principal } from '../access/caller.js';
import { RequireScope } from '../access/require-scope.js';
import { CreateFlushDto, FlushAnswer } from './flush.dto.js';
import { FlushService } from './flush.service.js';

@ApiTags('billing periods')
@Controller('v1/customers/:id/flushes')
export class FlushController {
  constructor(private readonly flushes: FlushService) {}

  /** 200 once nothing is on its way any more, or 202 with what still is. */
  @Post()
  @HttpCode(200)
  @RequireScope('billing:write')
  @ApiOperation({ summary: 'Push what a customer has used by now, as before a cancellation' })
  @ApiOkResponse({ type: FlushAnswer, description: 'Nothing is on its way any more' })
  @ApiAcceptedResponse({ type: FlushAnswer, description: 'What still is on its way' })
  async create(
    @Caller() caller: Principal,
    @Param('id') customerId: string,
    @Body() body: CreateFlushDto,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<FlushAnswer> {
    const answer = await this.flushes.flush(caller.tenantId, customerId, body.meter);
    reply.status(answer.status === 'pending' ? 202 : 200);
    return answer;
  }
}
