import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { Caller, type Principal } from '../access/caller.js';
import { RequireScope } from '../access/require-scope.js';
import { parsePage, type Page } from '../database/page.js';
import { PushQueryDto } from './push-query.dto.js';
import { PushQuery, type PushAnswer } from './push.query.js';

@ApiTags('pushes')
@Controller('v1/pushes')
export class PushController {
  constructor(private readonly pushes: PushQuery) {}

  @Get()
  @RequireScope('usage:read')
  @ApiOperation({ summary: 'What was pushed to Stripe, what waits, and what is held and why' })
  list(@Caller() caller: Principal, @Query() query: PushQueryDto): Promise<Page<PushAnswer>> {
    return this.pushes.list(caller.tenantId, query, parsePage(query, ['instant', 'text']));
  }

  @Get(':identifier')
  @RequireScope('usage:read')
  @ApiOperation({ summary: 'One push, with every change of its status' })
  get(@Caller() caller: Principal, @Param('identifier') identifier: string): Promise<PushAnswer> {
    return this.pushes.one(caller.tenantId, identifier);
  }
}
