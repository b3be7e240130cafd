import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { Caller, type Principal } from '../access/caller.js';
import { RequireScope } from '../access/require-scope.js';
import { parsePage, type Page } from '../database/page.js';
import { toUsageEventRequest, UsageEventQueryDto } from './usage-event-query.dto.js';
import { USAGE_EVENT_KEY } from './usage-event-query.js';
import { UsageEventService } from './usage-event.service.js';

@ApiTags('usage events')
@Controller('v1/usage-events')
export class UsageEventController {
  constructor(private readonly events: UsageEventService) {}

  @Get()
  @RequireScope('usage:read')
  @ApiOperation({ summary: 'Recorded usage events, with what each counts and where it is billed' })
  list(
    @Caller() caller: Principal,
    @Query() query: UsageEventQueryDto,
  ): Promise<Page<Record<string, unknown>>> {
    const page = parsePage(query, USAGE_EVENT_KEY);
    return this.events.list(caller.tenantId, toUsageEventRequest(query), page);
  }

  @Get(':usage_event_id')
  @RequireScope('usage:read')
  @ApiOperation({ summary: 'One usage event of an empty source' })
  get(
    @Caller() caller: Principal,
    @Param('usage_event_id') id: string,
  ): Promise<Record<string, unknown>> {
    return this.events.one(caller.tenantId, id);
  }
}
