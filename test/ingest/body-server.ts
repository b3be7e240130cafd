import { Body, Controller, Post, type INestApplication } from '@nestjs/common';
import { FastifyAdapter, RouteConfig, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { connect } from 'node:net';
import type { Readable } from 'node:stream';
import { ndjsonLines } from '../../src/domain/ndjson-lines.js';
import { registerBodyParsers, type BodyLimits } from '../../src/ingest/request-body.js';
import { ProblemFilter } from '../../src/problem/problem.filter.js';

@Controller()
class BodyController {
  /** How many NDJSON bodies failed while they were read. */
  readonly broken: unknown[] = [];

  @Post('json')
  json(@Body() body: unknown) {
    return { body: body ?? null };
  }

  @Post('lines')
  @RouteConfig({ takesLines: true })
  async lines(@Body() body: Readable) {
    let count = 0;
    let tooLong = 0;
    try {
      for await (const line of ndjsonLines(body)) {
        if (line.tooLong) tooLong++;
        else count++;
      }
    } catch (error) {
      this.broken.push(error);
      throw error;
    }
    return { count, tooLong };
  }

  @Post('refused')
  @RouteConfig({ takesLines: true })
  refused() {
    throw new Error('nobody reads this body');
  }

  /** Begins to read only when the sender has gone. */
  @Post('late')
  @RouteConfig({ takesLines: true })
  async late(@Body() body: Readable) {
    await new Promise((resolve) => body.once('close', resolve));
    return this.lines(body);
  }

  @Post('first-line')
  @RouteConfig({ takesLines: true })
  async firstLine(@Body() body: Readable) {
    for await (const line of ndjsonLines(body)) return { length: line.bytes?.length };
    return {};
  }
}

export interface BodyServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly app: INestApplication;
  readonly broken: unknown[];
}

/** A server with our parsers and our filter, and nothing else of the product. */
export async function startBodyServer(limits: BodyLimits = {}): Promise<BodyServer> {
  const module = await Test.createTestingModule({ controllers: [BodyController] }).compile();
  const adapter = new FastifyAdapter();
  const app = module.createNestApplication<NestFastifyApplication>(adapter, {
    bodyParser: false,
    logger: false,
  });
  registerBodyParsers(adapter.getInstance(), limits);
  app.useGlobalFilters(new ProblemFilter());
  await app.listen(0, '127.0.0.1');
  const { port } = app.getHttpServer().address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    app,
    broken: app.get(BodyController).broken,
    [Symbol.asyncDispose]: () => app.close(),
  };
}

/** Sends bytes as they are, several requests in a row if need be, and reads until the end. */
export async function exchange(port: number, ...parts: (string | Buffer)[]): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  for (const part of parts) socket.write(part);
  const chunks: Buffer[] = [];
  for await (const chunk of socket as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
