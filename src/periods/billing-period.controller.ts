import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Caller, type Principal } from '../access/caller.js';
import { RequireScope } from '../access/require-scope.js';
import { ApiPage } from '../answers/api-page.js';
import { parsePage, type Page, type PagedList } from '../database/page.js';
import { parseInstant, type Micros } from '../domain/instant.js';
import { Problem } from '../problem/problem.js';
import { USAGE_EVENT_KEY } from '../usage/usage-event-query.js';
import { StatementUsageEventAnswer, type UsageEventAnswer } from '../usage/usage-event.answer.js';
import {
  BillingPeriodListDto,
  BillingPeriodQueryDto,
  StatementEventsQueryDto,
} from './billing-period.dto.js';
import { BILLING_PERIOD_KEY } from './billing-period.query.js';
import { BillingPeriodService } from './billing-period.service.js';
import { StatementAnswer } from './statement.dto.js';

const BILLING_PERIODS: PagedList = { name: 'billing-periods', key: BILLING_PERIOD_KEY };
const STATEMENT_EVENTS: PagedList = { name: 'statement-events', key: USAGE_EVENT_KEY };

@ApiTags('billing periods')
@Controller('v1/customers/:id/billing-periods')
export class BillingPeriodController {
  constructor(private readonly periods: BillingPeriodService) {}

  @Get()
  @RequireScope('usage:read')
  @ApiOperation({ summary: 'The billing periods of a customer that have usage' })
  @ApiPage(StatementAnswer)
  list(
    @Caller() caller: Principal,
    @Param('id') customerId: string,
    @Query() query: BillingPeriodListDto,
  ): Promise<Page<StatementAnswer>> {
    return this.periods.list(
      caller.tenantId,
      customerId,
      query,
      parsePage(BILLING_PERIODS, query, [customerId]),
    );
  }

  @Get(':period_start')
  @RequireScope('usage:read')
  @ApiOperation({ summary: 'The statement of one billing period' })
  @ApiOkResponse({ type: StatementAnswer })
  get(
    @Caller() caller: Principal,
    @Param('id') customerId: string,
    @Param('period_start') start: string,
    @Query() query: BillingPeriodQueryDto,
  ): Promise<StatementAnswer> {
    return this.periods.get(caller.tenantId, customerId, query.meter, instantOf(start));
  }

  @Get(':period_start/usage-events')
  @RequireScope('usage:read')
  @ApiOperation({
    summary: 'The usage events behind a statement, with the entries that add up to it',
  })
  @ApiPage(StatementUsageEventAnswer)
  usageEvents(
    @Caller() caller: Principal,
    @Param('id') customerId: string,
    @Param('period_start') start: string,
    @Query() query: StatementEventsQueryDto,
  ): Promise<Page<UsageEventAnswer>> {
    return this.periods.usageEvents(
      caller.tenantId,
      customerId,
      query.meter,
      { start: instantOf(start), revision: Number(query.revision ?? 0) },
      parsePage(STATEMENT_EVENTS, query, [customerId, start]),
    );
  }
}

function instantOf(text: string): Micros {
  const at = parseInstant(text);
  if (at === undefined) {
    throw new Problem(
      'billing_period_not_found',
      'a period is named by its start, an RFC 3339 time',
    );
  }
  return at;
}
