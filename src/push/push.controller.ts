import { Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CanNeedApproval } from '../access/approval/can-need-approval.js';
import { Caller, type Principal } from '../access/caller.js';
import { RequireScope } from '../access/require-scope.js';
import { ApiPage } from '../answers/api-page.js';
import { parsePage, type Page, type PagedList } from '../database/page.js';
import { PushResolutionDto } from './push-resolution.dto.js';
import { PushResolutionService } from './push-resolution.service.js';
import { PushQueryDto } from './push-query.dto.js';
import { PushAnswer } from './push.answer.js';
import { PushQuery } from './push.query.js';

const PUSHES: PagedList = { name: 'pushes', key: ['instant', 'text'] };

@ApiTags('pushes')
@Controller('v1/pushes')
export class PushController {
  constructor(
    private readonly pushes: PushQuery,
    private readonly resolutions: PushResolutionService,
  ) {}

  @Get()
  @RequireScope('usage:read')
  @ApiOperation({ summary: 'What was pushed to Stripe, what waits, and what is held and why' })
  @ApiPage(PushAnswer)
  list(@Caller() caller: Principal, @Query() query: PushQueryDto): Promise<Page<PushAnswer>> {
    return this.pushes.list(caller.tenantId, query, parsePage(PUSHES, query));
  }

  @Get(':identifier')
  @RequireScope('usage:read')
  @ApiOperation({ summary: 'One push, with every change of its status' })
  @ApiOkResponse({ type: PushAnswer })
  get(@Caller() caller: Principal, @Param('identifier') identifier: string): Promise<PushAnswer> {
    return this.pushes.one(caller.tenantId, identifier);
  }

  @Post(':identifier/resolutions')
  @RequireScope('billing:write')
  @CanNeedApproval('push.resolve')
  @HttpCode(200)
  @ApiOperation({ summary: 'Settles by hand a push that is unknown, disputed or rejected' })
  @ApiOkResponse({ type: PushAnswer })
  async resolve(
    @Caller() caller: Principal,
    @Param('identifier') identifier: string,
    @Body() resolution: PushResolutionDto,
  ): Promise<PushAnswer> {
    await this.pushes.one(caller.tenantId, identifier);
    await this.resolutions.resolve(caller.tenantId, identifier, resolution);
    return this.pushes.one(caller.tenantId, identifier);
  }
}
