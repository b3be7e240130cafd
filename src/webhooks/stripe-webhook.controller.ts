import { Controller, Headers, HttpCode, Param, Post, Req } from '@nestjs/common';
import { ApiConsumes, ApiHeader, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { RouteConfig } from '@nestjs/platform-fastify';
import type { FastifyRequest } from 'fastify';
import { Public } from '../access/require-scope.js';
import { StripeEventReceipt } from './stripe-event.dto.js';
import { StripeInboxService } from './stripe-inbox.service.js';

/** Stripe's largest events are some tens of KiB. */
const RAW_BODY_BYTES_MAX = 256 * 1_024;

const SIGNATURE = { name: 'Stripe-Signature', required: true };

@ApiTags('Stripe')
@Controller('v1/webhooks/stripe')
export class StripeWebhookController {
  constructor(private readonly inbox: StripeInboxService) {}

  /** Of the tenant `default`. */
  @Post()
  @HttpCode(200)
  @Public()
  @RouteConfig({ rawBodyBytesMax: RAW_BODY_BYTES_MAX })
  @ApiOperation({ summary: 'Where Stripe sends the events of the tenant `default`' })
  @ApiConsumes('application/json')
  @ApiHeader(SIGNATURE)
  @ApiOkResponse({ type: StripeEventReceipt })
  receive(
    @Req() request: FastifyRequest,
    @Headers('stripe-signature') signature: unknown,
  ): Promise<StripeEventReceipt> {
    return this.inbox.receive(undefined, request.body, signature);
  }

  @Post(':tenant_id')
  @HttpCode(200)
  @Public()
  @RouteConfig({ rawBodyBytesMax: RAW_BODY_BYTES_MAX })
  @ApiOperation({ summary: 'Where Stripe sends the events of a tenant' })
  @ApiConsumes('application/json')
  @ApiHeader(SIGNATURE)
  @ApiOkResponse({ type: StripeEventReceipt })
  receiveOf(
    @Param('tenant_id') tenantId: string,
    @Req() request: FastifyRequest,
    @Headers('stripe-signature') signature: unknown,
  ): Promise<StripeEventReceipt> {
    return this.inbox.receive(tenantId, request.body, signature);
  }
}
