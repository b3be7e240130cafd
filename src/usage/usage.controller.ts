import { Controller, Get, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiQuery, ApiTags } from '@nestjs/swagger';
import { Caller, type Principal } from '../access/caller.js';
import { RequireScope } from '../access/require-scope.js';
import { ASKED_WINDOWS } from '../domain/usage-window.js';
import { toUsageRequest } from './usage-request.dto.js';
import { UsageAnswer } from './usage.answer.js';
import { UsageService } from './usage.service.js';

@ApiTags('usage')
@Controller('v1/usage')
export class UsageController {
  constructor(private readonly usage: UsageService) {}

  @Get()
  @RequireScope('usage:read')
  @ApiOperation({
    summary: 'Usage of a meter in windows, by when it occurred or where it is billed',
  })
  @ApiQuery({ name: 'meter', required: true, type: String })
  @ApiQuery({ name: 'customer_id', required: false, type: String })
  @ApiQuery({
    name: 'from',
    required: false,
    type: String,
    description: 'RFC 3339, on a quarter hour',
  })
  @ApiQuery({
    name: 'to',
    required: false,
    type: String,
    description: 'RFC 3339, on a quarter hour',
  })
  @ApiQuery({
    name: 'window',
    required: false,
    enum: ASKED_WINDOWS,
    description:
      '`period`: as the statements say, with the value that an empty period begins with ' +
      '(`carry_last`) unless it is asked for by a dimension',
  })
  @ApiQuery({ name: 'timezone', required: false, type: String })
  @ApiQuery({
    name: 'group_by',
    required: false,
    type: String,
    description: 'Dimensions, by commas',
  })
  @ApiQuery({
    name: 'filter',
    required: false,
    style: 'deepObject',
    explode: true,
    schema: { type: 'object', additionalProperties: { type: 'string' } },
    description: 'A value of a dimension: `filter[region]=eu`; repeated, any of several',
  })
  @ApiOkResponse({ type: UsageAnswer })
  query(
    @Caller() caller: Principal,
    @Query() query: Record<string, unknown>,
  ): Promise<UsageAnswer> {
    return this.usage.query(caller.tenantId, toUsageRequest(query));
  }
}
