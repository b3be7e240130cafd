import { Body, Controller, Get, HttpCode, Param, Post, Query, Res } from '@nestjs/common';
import { ApiAcceptedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { CanNeedApproval, isDryRun } from '../access/approval/can-need-approval.js';
import { Caller, type Principal } from '../access/caller.js';
import { RequireScope } from '../access/require-scope.js';
import { ApiPage } from '../answers/api-page.js';
import { parsePage, type Page, type PagedList } from '../database/page.js';
import { PagedDto } from '../database/paged.dto.js';
import { lanePage } from './lane-page.js';
import { ReconciliationAnswer, ReconciliationPage } from './reconciliation.answer.js';
import { CreateReconciliationDto, CreateRepairsDto } from './reconciliation.dto.js';
import { ReconciliationService } from './reconciliation.service.js';
import { RepairAnswer } from './repair.answer.js';
import { RepairService } from './repair.service.js';

const RECONCILIATIONS: PagedList = { name: 'reconciliations', key: ['instant', 'uuid'] };

@ApiTags('reconciliations')
@Controller('v1/reconciliations')
export class ReconciliationController {
  constructor(
    private readonly reconciliations: ReconciliationService,
    private readonly repairs: RepairService,
  ) {}

  /** 200 with the finished reconciliation, or 202 and its id where it takes longer. */
  @Post()
  @HttpCode(200)
  @RequireScope('billing:write')
  @ApiOperation({ summary: 'Hold what was pushed against what Stripe counted and billed' })
  @ApiOkResponse({ type: ReconciliationPage, description: 'It is finished' })
  @ApiAcceptedResponse({
    type: ReconciliationPage,
    description: 'It goes on; ask for it by its id',
  })
  async create(
    @Caller() caller: Principal,
    @Body() body: CreateReconciliationDto,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ReconciliationPage> {
    const answer = await this.reconciliations.reconcile(caller.tenantId, body ?? {});
    reply.status(answer.status === 'running' ? 202 : 200);
    return answer;
  }

  @Get()
  @RequireScope('usage:read')
  @ApiOperation({ summary: 'Every reconciliation, the newest first' })
  @ApiPage(ReconciliationAnswer)
  list(@Caller() caller: Principal, @Query() query: PagedDto): Promise<Page<ReconciliationAnswer>> {
    return this.reconciliations.list(caller.tenantId, parsePage(RECONCILIATIONS, query));
  }

  @Get(':id')
  @RequireScope('usage:read')
  @ApiOperation({ summary: 'How far a reconciliation has come, and what it found lane by lane' })
  @ApiOkResponse({ type: ReconciliationPage })
  get(
    @Caller() caller: Principal,
    @Param('id') id: string,
    @Query() query: PagedDto,
  ): Promise<ReconciliationPage> {
    return this.reconciliations.get(caller.tenantId, id, lanePage(id, query));
  }

  @Post(':id/repairs')
  @HttpCode(200)
  @RequireScope('billing:write')
  // Without a body it is a rehearsal.
  @CanNeedApproval('reconciliation.repair', { isHarmless: (body) => isDryRun(body, true) })
  @ApiOperation({ summary: 'What would make Stripe agree, or the doing of it, once' })
  @ApiOkResponse({ type: RepairAnswer })
  repair(
    @Caller() caller: Principal,
    @Param('id') id: string,
    @Body() body: CreateRepairsDto,
  ): Promise<RepairAnswer> {
    return this.repairs.repair(caller.tenantId, id, body?.dry_run ?? true);
  }
}
