import { Body, Controller, Get, Put } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Caller, type Principal } from '../caller.js';
import { RequireScope } from '../require-scope.js';
import { ApprovalPolicyService } from './approval-policy.service.js';
import { ApprovalPolicyAnswer, fromPolicy, PutApprovalPolicyDto } from './approval.dto.js';
import { CanNeedApproval } from './can-need-approval.js';

@ApiTags('Approvals')
@Controller('v1/approval-policy')
export class ApprovalPolicyController {
  constructor(private readonly policies: ApprovalPolicyService) {}

  @Get()
  @RequireScope('admin')
  @ApiOperation({ summary: 'Which commands one key asks for and another approves' })
  @ApiOkResponse({ type: ApprovalPolicyAnswer })
  async get(@Caller() { tenantId }: Principal): Promise<ApprovalPolicyAnswer> {
    return fromPolicy(await this.policies.get(tenantId));
  }

  @Put()
  @RequireScope('admin')
  @CanNeedApproval('approval_policy.change')
  @ApiOperation({ summary: 'Put commands under four eyes' })
  @ApiOkResponse({ type: ApprovalPolicyAnswer })
  async put(
    @Caller() { tenantId }: Principal,
    @Body() { commands }: PutApprovalPolicyDto,
  ): Promise<ApprovalPolicyAnswer> {
    await this.policies.put(tenantId, commands);
    return fromPolicy(await this.policies.get(tenantId));
  }
}
