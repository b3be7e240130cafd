import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Caller, type Principal } from '../access/caller.js';
import { RequireScope } from '../access/require-scope.js';
import { ApiPage } from '../answers/api-page.js';
import { parsePage, type Page, type PagedList } from '../database/page.js';
import { toUsageEventRequest, UsageEventQueryDto } from './usage-event-query.dto.js';
import { USAGE_EVENT_KEY } from './usage-event-query.js';
import { ExplainedUsageEventAnswer, UsageEventAnswer } from './usage-event.answer.js';
import { UsageEventService } from './usage-event.service.js';

const USAGE_EVENTS: PagedList = { name: 'usage-events', key: USAGE_EVENT_KEY };

@ApiTags('usage events')
@Controller('v1/usage-events')
export class UsageEventController {
  constructor(private readonly events: UsageEventService) {}

  @Get()
  @RequireScope('usage:read')
  @ApiOperation({ summary: 'Recorded usage events, with what each counts and where it is billed' })
  // By its id, one is told with what became of it.
  @ApiPage([UsageEventAnswer, ExplainedUsageEventAnswer])
  list(
    @Caller() caller: Principal,
    @Query() query: UsageEventQueryDto,
  ): Promise<Page<UsageEventAnswer>> {
    const page = parsePage(USAGE_EVENTS, query);
    return this.events.list(caller.tenantId, toUsageEventRequest(query), page);
  }

  @Get(':usage_event_id')
  @RequireScope('usage:read')
  @ApiOperation({ summary: 'One usage event of an empty source' })
  @ApiOkResponse({ type: ExplainedUsageEventAnswer })
  get(@Caller() caller: Principal, @Param('usage_event_id') id: string): Promise<UsageEventAnswer> {
    return this.events.one(caller.tenantId, id);
  }
}
