import { Body, Controller, Get, Param, Post, Res } from '@nestjs/common';
import { ApiAcceptedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { CanNeedApproval } from '../access/approval/can-need-approval.js';
import { Caller, type Principal } from '../access/caller.js';
import { RequireScope } from '../access/require-scope.js';
import { CreateErasureDto, ErasureAnswer, fromErasure } from './erasure.dto.js';
import { ErasureService } from './erasure.service.js';

@ApiTags('Customers')
@Controller('v1')
export class ErasureController {
  constructor(private readonly erasures: ErasureService) {}

  /** 200 once nothing of it is left, or 202 and the erasure's id where it takes longer. */
  @Post('customers/:id/erasures')
  @RequireScope('admin')
  @CanNeedApproval('customer.erase')
  @ApiOperation({ summary: 'Erase what tells of a customer; numbers, statements and digests stay' })
  @ApiOkResponse({ type: ErasureAnswer, description: 'Nothing of it is left' })
  @ApiAcceptedResponse({ type: ErasureAnswer, description: 'It goes on; ask for it by its id' })
  async create(
    @Caller() caller: Principal,
    @Param('id') id: string,
    @Body() body: CreateErasureDto,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ErasureAnswer> {
    const erasure = await this.erasures.erase(caller.tenantId, id, body);
    reply.status(erasure.finishedAt === null ? 202 : 200);
    return fromErasure(erasure);
  }

  @Get('erasures/:id')
  @RequireScope('admin')
  @ApiOperation({ summary: 'How far an erasure has come' })
  @ApiOkResponse({ type: ErasureAnswer })
  async get(@Caller() caller: Principal, @Param('id') id: string): Promise<ErasureAnswer> {
    return fromErasure(await this.erasures.get(caller.tenantId, id));
  }
}
