import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CanNeedApproval } from '../access/approval/can-need-approval.js';
import { Caller, type Principal } from '../access/caller.js';
import { RequireScope } from '../access/require-scope.js';
import { COUNT } from '../answers/answer-fields.js';
import { ApiPage } from '../answers/api-page.js';
import { parsePage, type Page, type PagedList } from '../database/page.js';
import { QuarantineService } from '../quarantine/quarantine.service.js';
import { QuarantineReplayService } from './quarantine-replay.service.js';
import {
  fromQuarantined,
  QuarantinedEventAnswer,
  QuarantineReplayAnswer,
} from './quarantine.answer.js';
import {
  CreateQuarantineReplayDto,
  DeleteQuarantinedEventDto,
  QuarantineQueryDto,
  toQuarantineFilter,
} from './quarantine.dto.js';

const DROPPED = {
  ...COUNT,
  description: 'How many there was no room for.',
};

const QUARANTINE: PagedList = { name: 'quarantine', key: ['instant', 'uuid'] };

@ApiTags('quarantine')
@Controller('v1/quarantine')
export class QuarantineController {
  constructor(
    private readonly quarantine: QuarantineService,
    private readonly replays: QuarantineReplayService,
  ) {}

  @Get()
  @RequireScope('usage:read')
  @ApiOperation({ summary: 'Usage events that were refused or conflict, and why' })
  @ApiPage(QuarantinedEventAnswer, { dropped: DROPPED })
  async list(
    @Caller() caller: Principal,
    @Query() query: QuarantineQueryDto,
  ): Promise<Page<QuarantinedEventAnswer> & { readonly dropped: number }> {
    const page = parsePage(QUARANTINE, query);
    const found = await this.quarantine.list(caller.tenantId, toQuarantineFilter(query), page);
    return { ...found, data: found.data.map(fromQuarantined) };
  }

  /** All of them where the body says neither `code` nor `ids`; up to 10,000 in one call. */
  @Post('replays')
  @HttpCode(200)
  @RequireScope('usage:adjust')
  @ApiOperation({ summary: 'Send events of the quarantine once more, under the rights of the key' })
  @ApiOkResponse({ type: QuarantineReplayAnswer })
  replay(
    @Caller() caller: Principal,
    @Body() body: CreateQuarantineReplayDto,
  ): Promise<QuarantineReplayAnswer> {
    return this.replays.replay(caller, body ?? {});
  }

  @Delete(':id')
  @HttpCode(204)
  @RequireScope('usage:adjust')
  @CanNeedApproval('quarantined_event.delete')
  @ApiOperation({ summary: 'Take an event out of quarantine without recording it' })
  remove(
    @Caller() caller: Principal,
    @Param('id') id: string,
    @Body() body: DeleteQuarantinedEventDto,
  ): Promise<void> {
    return this.quarantine.remove(caller, id, body.reason);
  }
}
