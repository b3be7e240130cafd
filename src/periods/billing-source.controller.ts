import { Body, Controller, Get, Param, Put } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CanNeedApproval } from '../access/approval/can-need-approval.js';
import { Caller, type Principal } from '../access/caller.js';
import { RequireScope } from '../access/require-scope.js';
import { BillingSourceAnswer, PutBillingSourceDto } from './billing-source.dto.js';
import { BillingSourceService } from './billing-source.service.js';

@ApiTags('billing periods')
@Controller('v1/customers/:id/meters/:key/billing-period')
export class BillingSourceController {
  constructor(private readonly sources: BillingSourceService) {}

  @Put()
  @RequireScope('billing:write')
  @CanNeedApproval('billing_source.change')
  @ApiOperation({ summary: 'Choose whether the schedule or Stripe says when periods end' })
  @ApiOkResponse({ type: BillingSourceAnswer })
  put(
    @Caller() caller: Principal,
    @Param('id') customerId: string,
    @Param('key') meter: string,
    @Body() { source }: PutBillingSourceDto,
  ): Promise<BillingSourceAnswer> {
    return this.sources.put(caller.tenantId, customerId, meter, source);
  }

  @Get()
  @RequireScope('billing:write')
  @ApiOperation({ summary: 'Read where the billing periods of a customer and a meter come from' })
  @ApiOkResponse({ type: BillingSourceAnswer })
  get(
    @Caller() caller: Principal,
    @Param('id') customerId: string,
    @Param('key') meter: string,
  ): Promise<BillingSourceAnswer> {
    return this.sources.get(caller.tenantId, customerId, meter);
  }
}
