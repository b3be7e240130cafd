import {
  Controller,
  ForbiddenException,
  Get,
  HttpException,
  Param,
  Post,
  ServiceUnavailableException,
} from '@nestjs/common';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { QueryFailedError } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { registerBodyParsers } from '../../src/ingest/request-body.js';
import { Problem, ValidationProblem } from '../../src/problem/problem.js';
import { ProblemFilter } from '../../src/problem/problem.filter.js';
import { serverProblems } from '../../src/problem/server-problems.js';
import { exchange } from '../ingest/body-server.js';

const withCode = (code: string, message = 'secret of the server') =>
  Object.assign(new Error(message), { code });

const ERRORS: Record<string, () => unknown> = {
  problem: () =>
    new Problem('conflict', 'taken', { extensions: { owner: 'cus_1', status: 200, code: 'x' } }),
  unauthorized: () => new Problem('unauthorized', 'no key'),
  later: () => new Problem('rate_limited', 'slow down', { headers: { 'retry-after': '7' } }),
  fields: () =>
    new ValidationProblem([
      { pointer: '/a', code: 'required', detail: 'a is missing' },
      { pointer: '/b', code: 'invalid_type', detail: 'b must be a string' },
    ]),
  bug: () => new TypeError('secret of the server'),
  thing: () => 'secret of the server',
  forbidden: () => new ForbiddenException('not for you'),
  teapot: () => new HttpException('short and stout', 418),
  gone: () => new ServiceUnavailableException('draining'),
  refused: () => withCode('ECONNREFUSED'),
  shutdown: () => withCode('57P01'),
  crash: () => withCode('57P02'),
  starting: () => withCode('57P03'),
  connections: () => withCode('53300'),
  disk: () => withCode('53100'),
  readonly: () => withCode('25006'),
  exception: () => withCode('08006'),
  pool: () => new Error('timeout exceeded when trying to connect'),
  terminated: () => new Error('Connection terminated unexpectedly'),
  timeout: () => withCode('57014'),
  deadlock: () => withCode('40P01'),
  wrapped: () => new QueryFailedError('SELECT 1', [], withCode('57P01')),
  nested: () => new Error('outer', { cause: withCode('ECONNRESET') }),
  file: () => withCode('ENOENT'),
  protocol: () => withCode('08P01'),
  stripe: () => Object.assign(withCode('ECONNRESET'), { type: 'StripeConnectionError' }),
  unique: () => withCode('23505'),
};

@Controller()
class ThrowingController {
  @Get('throw/:name')
  throw(@Param('name') name: string) {
    throw ERRORS[name]!();
  }

  @Post('body')
  body() {
    return {};
  }
}

let app: NestFastifyApplication;

beforeAll(async () => {
  const module = await Test.createTestingModule({ controllers: [ThrowingController] }).compile();
  const adapter = new FastifyAdapter(serverProblems);
  app = module.createNestApplication(adapter, { bodyParser: false, logger: false });
  registerBodyParsers(adapter.getInstance());
  app.useGlobalFilters(new ProblemFilter());
  await app.listen(0, '127.0.0.1');
});
afterAll(() => app.close());

describe('an error', () => {
  it.each([
    ['problem', 409, 'conflict'],
    ['bug', 500, 'internal_error'],
    ['thing', 500, 'internal_error'],
    ['forbidden', 403, 'forbidden'],
    ['teapot', 400, 'bad_request'],
    ['gone', 503, 'service_unavailable'],
    ['refused', 503, 'database_unavailable'],
    ['shutdown', 503, 'database_unavailable'],
    ['crash', 503, 'database_unavailable'],
    ['starting', 503, 'database_unavailable'],
    ['connections', 503, 'database_unavailable'],
    ['disk', 503, 'database_unavailable'],
    ['readonly', 503, 'database_unavailable'],
    ['exception', 503, 'database_unavailable'],
    ['pool', 503, 'database_unavailable'],
    ['terminated', 503, 'database_unavailable'],
    ['wrapped', 503, 'database_unavailable'],
    ['nested', 503, 'database_unavailable'],
    ['timeout', 503, 'database_busy'],
    ['deadlock', 503, 'database_busy'],
    ['file', 500, 'internal_error'],
    ['protocol', 500, 'internal_error'],
    ['stripe', 500, 'internal_error'],
    ['unique', 500, 'internal_error'],
  ])('of kind %s is %i %s', async (name, status, code) => {
    const response = await app.inject({ method: 'GET', url: `/throw/${name}` });
    expect(response.statusCode).toBe(status);
    expect(response.headers['content-type']).toBe('application/problem+json');
    expect(response.headers['retry-after']).toBe(status === 503 ? '1' : undefined);
    expect(response.json()).toMatchObject({ type: `urn:countonce:problem:${code}`, status, code });
    expect(response.body).not.toContain('secret');
    expect(response.body).not.toContain('stack');
  });

  it('has the members of RFC 9457 and its own, which cannot hide them', async () => {
    const response = await app.inject({ method: 'GET', url: '/throw/problem' });
    expect(response.json()).toEqual({
      type: 'urn:countonce:problem:conflict',
      title: 'This contradicts what is there',
      status: 409,
      detail: 'taken',
      instance: expect.stringMatching(/^urn:countonce:request:./) as string,
      code: 'conflict',
      owner: 'cus_1',
    });
  });

  it('asks for a key with 401, and says when to come again', async () => {
    const unauthorized = await app.inject({ method: 'GET', url: '/throw/unauthorized' });
    expect(unauthorized.headers['www-authenticate']).toBe('Bearer');
    const later = await app.inject({ method: 'GET', url: '/throw/later' });
    expect(later.headers['retry-after']).toBe('7');
  });

  it('of a body names each field', async () => {
    const response = await app.inject({ method: 'GET', url: '/throw/fields' });
    expect(response.json()).toMatchObject({
      status: 422,
      detail: 'a is missing, and 1 more',
      errors: [
        { pointer: '/a', code: 'required', detail: 'a is missing' },
        { pointer: '/b', code: 'invalid_type', detail: 'b must be a string' },
      ],
    });
  });
});

describe('what never reaches a controller', () => {
  it.each([
    ['GET', '/nowhere', undefined, 404, 'route_not_found'],
    ['DELETE', '/body', undefined, 404, 'route_not_found'],
    ['POST', '/body', 'text/plain', 415, 'unsupported_media_type'],
    ['POST', '/body', 'application/json', 400, 'invalid_json'],
    ['GET', '/%zz', undefined, 400, 'bad_request'],
  ] as const)('%s %s (%s) is %i %s', async (method, url, type, status, code) => {
    const response = await app.inject({
      method,
      url,
      ...(type === undefined ? {} : { headers: { 'content-type': type }, payload: 'x' }),
    });
    expect(response.json()).toMatchObject({ status, code });
    expect(response.headers['content-type']).toBe('application/problem+json');
  });

  it.each([
    ['GIBBERISH\r\n\r\n', 400, 'bad_request'],
    [
      `GET / HTTP/1.1\r\nHost: x\r\nX-Long: ${'x'.repeat(20_000)}\r\n\r\n`,
      431,
      'headers_too_large',
    ],
  ])('%.20j is %i %s', async (bytes, status, code) => {
    const { port } = app.getHttpServer().address() as { port: number };
    const answer = await exchange(port, bytes);
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(answer).toContain('Content-Type: application/problem+json\r\n');
    expect(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')))).toMatchObject({ status, code });
  });
});
