import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { parsePage } from '../database/page.js';
import { AnswerSecrets } from '../idempotency/command-route.js';
import { CreateApiKeyDto, fromApiKey, fromMadeApiKey } from './api-key.dto.js';
import { ApiKeyService } from './api-key.service.js';
import { Caller, type Principal } from './caller.js';
import { RequireScope } from './require-scope.js';

@ApiTags('API keys')
@Controller('v1/api-keys')
export class ApiKeyController {
  constructor(private readonly apiKeys: ApiKeyService) {}

  @Post()
  @RequireScope('admin')
  @AnswerSecrets('key')
  @ApiOperation({ summary: 'Make an API key; the first answer alone shows it' })
  async create(@Caller() caller: Principal, @Body() body: CreateApiKeyDto) {
    return fromMadeApiKey(await this.apiKeys.create(caller.tenantId, body.name, body.scopes));
  }

  @Get()
  @RequireScope('admin')
  @ApiOperation({ summary: 'List the API keys, without the keys themselves' })
  async list(@Caller() caller: Principal, @Query() query: Record<string, string>) {
    const page = await this.apiKeys.list(caller.tenantId, parsePage(query, ['text']));
    return { ...page, data: page.data.map(fromApiKey) };
  }

  @Delete(':id')
  @HttpCode(204)
  @RequireScope('admin')
  @ApiOperation({ summary: 'Revoke an API key' })
  async revoke(@Caller() caller: Principal, @Param('id') keyId: string): Promise<void> {
    await this.apiKeys.revoke(caller.tenantId, keyId);
  }
}
