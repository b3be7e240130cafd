import { Controller, Get, Module, Post, Body } from '@nestjs/common';
import { APP_FILTER, APP_GUARD, NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { describe, expect, it } from 'vitest';
import { AccessGuard } from '../../src/access/access.guard.js';
import { ApiKey } from '../../src/access/api-key.entity.js';
import { ApiKeyService } from '../../src/access/api-key.service.js';
import { registerAuthentication } from '../../src/access/authentication.js';
import { Caller, type Principal } from '../../src/access/caller.js';
import { Public, RequireScope } from '../../src/access/require-scope.js';
import { loadConfig } from '../../src/config/config.js';
import { ProblemFilter } from '../../src/problem/problem.filter.js';
import { doorOf } from './door.js';
import { createTestTenant, type TestTenant } from '../support/tenant.js';

@Controller()
class DoorsController {
  @Get('v1/usage-door')
  @RequireScope('usage:read')
  read(@Caller() caller: Principal) {
    return { key: caller.keyId };
  }

  @Post('v1/write-door')
  @RequireScope('usage:write')
  write(@Body() body: unknown) {
    return { body };
  }

  @Get('v1/open-door')
  @Public()
  open() {
    return { open: true };
  }

  @Get('v1/forgotten-door')
  forgotten() {
    return { forgotten: true };
  }

  @Get('outside')
  @Public()
  outside() {
    return { outside: true };
  }
}

@Module({
  controllers: [DoorsController],
  providers: [
    { provide: APP_GUARD, useClass: AccessGuard },
    { provide: APP_FILTER, useClass: ProblemFilter },
  ],
})
class DoorsModule {}

interface Doors extends AsyncDisposable {
  readonly http: NestFastifyApplication;
  readonly apiKeys: ApiKeyService;
  /** An `Authorization` header of a key that may only read usage. */
  readonly reader: string;
}

async function openDoors(test: TestTenant): Promise<Doors> {
  const apiKeys = new ApiKeyService(test.db, loadConfig({}), test.dataSource.getRepository(ApiKey));
  const adapter = new FastifyAdapter();
  registerAuthentication(adapter.getInstance(), doorOf(apiKeys, test.db));
  const http = await NestFactory.create<NestFastifyApplication>(DoorsModule, adapter, {
    logger: false,
  });
  await http.init();
  const { text } = await apiKeys.create(test.tenantId, 'reader', ['usage:read']);
  return {
    http,
    apiKeys,
    reader: `Bearer ${text}`,
    [Symbol.asyncDispose]: () => http.close(),
  };
}

describe('access', () => {
  it('lets a key with the scope through and tells the handler who calls', async () => {
    await using test = await createTestTenant();
    await using doors = await openDoors(test);

    const answer = await doors.http.inject({
      url: '/v1/usage-door',
      headers: { authorization: doors.reader },
    });

    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toEqual({ key: doors.reader.slice(10, 20) });
  });

  it('refuses every key that is none in the same words', async () => {
    await using test = await createTestTenant();
    await using doors = await openDoors(test);
    const headers = [{}, { authorization: 'Bearer nonsense' }, { authorization: 'Basic eDp5' }];

    const answers = [];
    for (const sent of headers) {
      answers.push(await doors.http.inject({ url: '/v1/usage-door', headers: sent }));
    }

    for (const answer of answers) {
      expect(answer.statusCode).toBe(401);
      expect(answer.headers['www-authenticate']).toBe('Bearer');
      expect(answer.headers['content-type']).toBe('application/problem+json');
      expect(answer.json()).toMatchObject({ code: 'unauthorized', status: 401 });
    }
    const bodies = answers.map((answer) => ({ ...answer.json<object>(), instance: '' }));
    expect(bodies).toEqual([bodies[0], bodies[0], bodies[0]]);
  });

  it('refuses a stranger before it looks at the body', async () => {
    await using test = await createTestTenant();
    await using doors = await openDoors(test);
    const request = {
      method: 'POST' as const,
      url: '/v1/write-door',
      headers: { 'content-type': 'application/json' },
      payload: '{"no JSON',
    };

    expect((await doors.http.inject(request)).statusCode).toBe(401);
    const known = { ...request.headers, authorization: doors.reader };
    expect((await doors.http.inject({ ...request, headers: known })).statusCode).toBe(400);
  });

  it('names the scope that a key lacks', async () => {
    await using test = await createTestTenant();
    await using doors = await openDoors(test);

    const answer = await doors.http.inject({
      method: 'POST',
      url: '/v1/write-door',
      headers: { authorization: doors.reader },
    });

    expect(answer.statusCode).toBe(403);
    expect(answer.json()).toMatchObject({ code: 'insufficient_scope', scope: 'usage:write' });
    expect(answer.json<{ detail: string }>().detail).toContain('usage:write');
  });

  it('refuses a route that says nothing of access', async () => {
    await using test = await createTestTenant();
    await using doors = await openDoors(test);

    const answer = await doors.http.inject({
      url: '/v1/forgotten-door',
      headers: { authorization: doors.reader },
    });

    expect(answer.statusCode).toBe(500);
    expect(answer.body).not.toContain('forgotten');
  });

  it('leaves public routes and everything outside /v1 open', async () => {
    await using test = await createTestTenant();
    await using doors = await openDoors(test);

    expect((await doors.http.inject('/v1/open-door')).statusCode).toBe(200);
    expect((await doors.http.inject('/outside')).statusCode).toBe(200);
    expect((await doors.http.inject('/v1/no-such-door')).statusCode).toBe(404);
  });
});
