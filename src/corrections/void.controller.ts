import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CanNeedApproval } from '../access/approval/can-need-approval.js';
import { Caller, type Principal } from '../access/caller.js';
import { RequireScope } from '../access/require-scope.js';
import { VoidAnswer } from './void.answer.js';
import { VoidUsageEventDto } from './void.dto.js';
import { VoidService } from './void.service.js';

@ApiTags('usage events')
@Controller('v1/usage-events')
export class VoidController {
  constructor(private readonly voids: VoidService) {}

  /** The event stays, its id stays taken; ledger entries of their own take out what it counts. */
  @Post('void')
  @HttpCode(200)
  @RequireScope('usage:adjust')
  @CanNeedApproval('usage_event.void')
  @ApiOperation({ summary: 'Take a usage event out of everything it counts in' })
  @ApiOkResponse({ type: VoidAnswer })
  void(@Caller() caller: Principal, @Body() body: VoidUsageEventDto): Promise<VoidAnswer> {
    return this.voids.void(caller, body);
  }
}
