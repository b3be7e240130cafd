import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { formatInstant, parseInstant } from '../domain/instant.js';
import { Caller, type Principal } from './caller.js';
import { RequireScope } from './require-scope.js';
import { SetTestClockDto, TestClockAnswer } from './test-clock.dto.js';
import { TestClockService } from './test-clock.service.js';

@ApiTags('Test clock')
@Controller('v1/test-clock')
export class TestClockController {
  constructor(private readonly clock: TestClockService) {}

  @Post()
  @HttpCode(200)
  @RequireScope('admin')
  @ApiOperation({ summary: "Set the tenant's clock, without a live Stripe key only" })
  @ApiOkResponse({ type: TestClockAnswer })
  async set(@Caller() caller: Principal, @Body() body: SetTestClockDto): Promise<TestClockAnswer> {
    const now = body.now === null ? null : parseInstant(body.now)!;
    return { now: formatInstant(await this.clock.set(caller.tenantId, now)) };
  }
}
