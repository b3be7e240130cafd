import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiCreatedResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ApiPage } from '../answers/api-page.js';
import { parsePage, type Page, type PagedList } from '../database/page.js';
import { PagedDto } from '../database/paged.dto.js';
import { AnswerSecrets } from '../idempotency/command-route.js';
import { ApiKeyRotationService } from './api-key-rotation.service.js';
import {
  ApiKeyAnswer,
  fromApiKey,
  fromMadeApiKey,
  fromRotation,
  MadeApiKeyAnswer,
  RotatedApiKeyAnswer,
} from './api-key.answer.js';
import { CreateApiKeyDto, RotateApiKeyDto, toExpiresAt } from './api-key.dto.js';
import { ApiKeyService } from './api-key.service.js';
import { CanNeedApproval } from './approval/can-need-approval.js';
import { Caller, type Principal } from './caller.js';
import { RequireScope } from './require-scope.js';
import { requireScopes } from './require-scopes.js';

/** A day: long enough to roll a new key out, and what Stripe offers too. */
const OVERLAP_SECONDS = 86_400;

const API_KEYS: PagedList = { name: 'api-keys', key: ['text'] };

@ApiTags('API keys')
@Controller('v1/api-keys')
export class ApiKeyController {
  constructor(
    private readonly apiKeys: ApiKeyService,
    private readonly rotations: ApiKeyRotationService,
  ) {}

  @Post()
  @RequireScope('admin')
  @CanNeedApproval('api_key.create')
  @AnswerSecrets('key')
  @ApiOperation({ summary: 'Make an API key; the first answer alone shows it' })
  @ApiCreatedResponse({ type: MadeApiKeyAnswer })
  async create(
    @Caller() caller: Principal,
    @Body() body: CreateApiKeyDto,
  ): Promise<MadeApiKeyAnswer> {
    requireScopes(caller, body.scopes);
    const expiresAt = toExpiresAt(body);
    return fromMadeApiKey(
      await this.apiKeys.create(caller.tenantId, body.name, body.scopes, expiresAt),
    );
  }

  @Get()
  @RequireScope('admin')
  @ApiOperation({ summary: 'List the API keys, without the keys themselves' })
  @ApiPage(ApiKeyAnswer)
  async list(@Caller() caller: Principal, @Query() query: PagedDto): Promise<Page<ApiKeyAnswer>> {
    const page = await this.apiKeys.list(caller.tenantId, parsePage(API_KEYS, query));
    return { ...page, data: page.data.map(fromApiKey) };
  }

  @Post(':id/rotations')
  @RequireScope('admin')
  @CanNeedApproval('api_key.rotate')
  @AnswerSecrets('key')
  @ApiOperation({ summary: 'Put another key in the place of one, which goes on for an overlap' })
  @ApiCreatedResponse({ type: RotatedApiKeyAnswer })
  async rotate(
    @Caller() caller: Principal,
    @Param('id') keyId: string,
    @Body() body: RotateApiKeyDto = {},
  ): Promise<RotatedApiKeyAnswer> {
    const overlapSeconds = body.overlap_seconds ?? OVERLAP_SECONDS;
    return fromRotation(await this.rotations.rotate(caller, keyId, overlapSeconds));
  }

  @Delete(':id')
  @HttpCode(204)
  @RequireScope('admin')
  @CanNeedApproval('api_key.revoke')
  @ApiOperation({ summary: 'Revoke an API key' })
  async revoke(@Caller() caller: Principal, @Param('id') keyId: string): Promise<void> {
    await this.apiKeys.revoke(caller.tenantId, keyId);
  }
}
