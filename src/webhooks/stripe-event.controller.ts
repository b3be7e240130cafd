import { Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiAcceptedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Caller, type Principal } from '../access/caller.js';
import { RequireScope } from '../access/require-scope.js';
import { ApiPage } from '../answers/api-page.js';
import { parsePage, type Page, type PagedList } from '../database/page.js';
import { fromEvent, StripeEventAnswer, StripeEventQueryDto } from './stripe-event.dto.js';
import { StripeEventService } from './stripe-event.service.js';

const STRIPE_EVENTS: PagedList = { name: 'stripe-events', key: ['instant', 'text'] };

@ApiTags('Stripe')
@Controller('v1/stripe-events')
export class StripeEventController {
  constructor(private readonly events: StripeEventService) {}

  @Get()
  @RequireScope('usage:read')
  @ApiOperation({ summary: 'What Stripe sent, and what became of it' })
  @ApiPage(StripeEventAnswer)
  async list(
    @Caller() caller: Principal,
    @Query() query: StripeEventQueryDto,
  ): Promise<Page<StripeEventAnswer>> {
    const page = parsePage(STRIPE_EVENTS, query);
    const events = await this.events.list(caller.tenantId, query, page);
    return { ...events, data: events.data.map(fromEvent) };
  }

  @Get(':id')
  @RequireScope('usage:read')
  @ApiOperation({ summary: 'One event of Stripe' })
  @ApiOkResponse({ type: StripeEventAnswer })
  async get(@Caller() caller: Principal, @Param('id') eventId: string): Promise<StripeEventAnswer> {
    return fromEvent(await this.events.one(caller.tenantId, eventId));
  }

  @Post(':id/retries')
  @HttpCode(202)
  @RequireScope('billing:write')
  @ApiOperation({ summary: 'Work again on an event that was given up, failed or was ignored' })
  @ApiAcceptedResponse({ type: StripeEventAnswer })
  async retry(
    @Caller() caller: Principal,
    @Param('id') eventId: string,
  ): Promise<StripeEventAnswer> {
    return fromEvent(await this.events.retry(caller.tenantId, eventId));
  }
}
