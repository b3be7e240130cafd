import { Body, Controller, Delete, Get, HttpCode, Param, Put, Query, Res } from '@nestjs/common';
import { ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { CanNeedApproval } from '../access/approval/can-need-approval.js';
import { Caller, type Principal } from '../access/caller.js';
import { RequireScope } from '../access/require-scope.js';
import { ApiPage } from '../answers/api-page.js';
import { parsePage, type Page, type PagedList } from '../database/page.js';
import { PagedDto } from '../database/paged.dto.js';
import { fromMeter, MeterAnswer, PutMeterAnswer } from './meter.answer.js';
import { PutMeterDto } from './meter.dto.js';
import { MeterService } from './meter.service.js';

const METERS: PagedList = { name: 'meters', key: ['text'] };

@ApiTags('Meters')
@Controller('v1/meters')
export class MeterController {
  constructor(private readonly meters: MeterService) {}

  @Put(':key')
  @RequireScope('billing:write')
  @CanNeedApproval('meter.change')
  @ApiOperation({ summary: 'Make or change a meter; 201 where it was made' })
  @ApiOkResponse({ type: PutMeterAnswer, description: 'It was there, and is so now' })
  @ApiCreatedResponse({ type: PutMeterAnswer, description: 'It was made' })
  async put(
    @Caller() caller: Principal,
    @Param('key') key: string,
    @Body() body: PutMeterDto,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<PutMeterAnswer> {
    const { meter, created, stripe } = await this.meters.put(caller.tenantId, key, body);
    reply.code(created ? 201 : 200);
    return { ...fromMeter(meter), ...(stripe === undefined ? {} : { stripe }) };
  }

  @Get()
  @RequireScope('usage:read')
  @ApiOperation({ summary: 'List the meters by key, archived ones included' })
  @ApiPage(MeterAnswer)
  async list(@Caller() caller: Principal, @Query() query: PagedDto): Promise<Page<MeterAnswer>> {
    const page = await this.meters.list(caller.tenantId, parsePage(METERS, query));
    return { ...page, data: page.data.map(fromMeter) };
  }

  @Get(':key')
  @RequireScope('usage:read')
  @ApiOperation({ summary: 'Read one meter' })
  @ApiOkResponse({ type: MeterAnswer })
  async get(@Caller() caller: Principal, @Param('key') key: string): Promise<MeterAnswer> {
    return fromMeter(await this.meters.get(caller.tenantId, key));
  }

  @Delete(':key')
  @HttpCode(204)
  @RequireScope('billing:write')
  @CanNeedApproval('meter.archive')
  @ApiOperation({ summary: 'Archive a meter: it counts nothing from now on' })
  async archive(@Caller() caller: Principal, @Param('key') key: string): Promise<void> {
    await this.meters.archive(caller.tenantId, key);
  }
}
