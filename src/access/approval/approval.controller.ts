import { Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ApiPage } from '../../answers/api-page.js';
import { parsePage, type Page, type PagedList } from '../../database/page.js';
import { Caller, type Principal } from '../caller.js';
import { RequireScope } from '../require-scope.js';
import {
  ApprovalQueryDto,
  DecideApprovalDto,
  fromApproval,
  summaryOf,
  ApprovalAnswer,
  ApprovalSummaryAnswer,
} from './approval.dto.js';
import { ApprovalService } from './approval.service.js';

const APPROVALS: PagedList = { name: 'approvals', key: ['instant', 'uuid'] };

@ApiTags('Approvals')
@Controller('v1/approvals')
export class ApprovalController {
  constructor(private readonly approvals: ApprovalService) {}

  @Get()
  @RequireScope('usage:read')
  @ApiOperation({ summary: 'What was asked for, of commands that the key has the scope of' })
  @ApiPage(ApprovalSummaryAnswer)
  async list(
    @Caller() caller: Principal,
    @Query() query: ApprovalQueryDto,
  ): Promise<Page<ApprovalSummaryAnswer>> {
    const request = parsePage(APPROVALS, query);
    const page = await this.approvals.list(caller, query.state, request);
    return { ...page, data: page.data.map(summaryOf) };
  }

  @Get(':id')
  @RequireScope('usage:read')
  @ApiOperation({ summary: 'What is to be approved; needs the scope of the command too' })
  @ApiOkResponse({ type: ApprovalAnswer })
  async get(@Caller() caller: Principal, @Param('id') id: string): Promise<ApprovalAnswer> {
    return fromApproval(await this.approvals.get(caller, id));
  }

  @Post(':id/decisions')
  @HttpCode(200)
  @RequireScope('usage:read')
  @ApiOperation({ summary: 'Approve or refuse; needs the scope of the command too' })
  @ApiOkResponse({ type: ApprovalSummaryAnswer })
  async decide(
    @Caller() caller: Principal,
    @Param('id') id: string,
    @Body() { decision, reason }: DecideApprovalDto,
  ): Promise<ApprovalSummaryAnswer> {
    await this.approvals.decide(caller, id, decision, reason);
    // Kept under an idempotency key, it may be sent again to whoever may not see the request.
    return summaryOf(await this.approvals.get(caller, id));
  }
}
