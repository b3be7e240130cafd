import { Body, Controller, Delete, Get, HttpCode, Put } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CanNeedApproval } from '../access/approval/can-need-approval.js';
import { Caller, type Principal } from '../access/caller.js';
import { RequireScope } from '../access/require-scope.js';
import {
  fromStripeAccount,
  PutStripeAccountDto,
  StripeAccountAnswer,
} from './stripe-account.dto.js';
import { StripeAccountService } from './stripe-account.service.js';

@ApiTags('Stripe')
@Controller('v1/stripe-account')
export class StripeAccountController {
  constructor(private readonly accounts: StripeAccountService) {}

  @Put()
  @RequireScope('admin')
  @CanNeedApproval('stripe_account.change', { shownMembers: ['stripe_account'] })
  @ApiOperation({ summary: 'Set the Stripe account to push to, and the secrets of its webhooks' })
  @ApiOkResponse({ type: StripeAccountAnswer })
  async put(
    @Caller() caller: Principal,
    @Body() body: PutStripeAccountDto,
  ): Promise<StripeAccountAnswer> {
    return fromStripeAccount(await this.accounts.put(caller.tenantId, body.toChange()));
  }

  @Get()
  @RequireScope('admin')
  @ApiOperation({ summary: 'Which Stripe account is set, without its secrets' })
  @ApiOkResponse({ type: StripeAccountAnswer })
  async get(@Caller() caller: Principal): Promise<StripeAccountAnswer> {
    return fromStripeAccount(await this.accounts.get(caller.tenantId));
  }

  @Delete()
  @HttpCode(204)
  @RequireScope('admin')
  @CanNeedApproval('stripe_account.change')
  @ApiOperation({ summary: 'Forget the Stripe account and its secrets; pushes are held' })
  async remove(@Caller() caller: Principal): Promise<void> {
    await this.accounts.remove(caller.tenantId);
  }
}
