import { Readable } from 'node:stream';
import { Controller, Post, Req, Res } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { ApiBody, ApiConsumes, ApiOperation, ApiQuery, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Caller, type Principal } from '../access/caller.js';
import { RequireScope } from '../access/require-scope.js';
import { IdsOfTheirOwn } from '../idempotency/command-route.js';
import { PROBLEMS, type ProblemCode } from '../problem/codes.js';
import { Problem, ValidationProblem, type FieldError } from '../problem/problem.js';
import { openCloudEvents, openEnvelope } from './envelope.js';
import { IngestService } from './ingest.service.js';
import { isProblematic, toReceipt, type Result } from './receipt.dto.js';
import { ApiReceipts } from './receipt.schema.js';
import { UsageEventDto } from './usage-event.dto.js';

const CLOUD_EVENTS = /^application\/cloudevents(-batch)?\+json/i;
/** Beyond, what is wrong with one event is not told from what is wrong with the whole. */
const JSON_LEVELS_MAX = 1_000;
const STATUS_OF_ONE = { accepted: 201, duplicate: 200, conflict: 409, rejected: 422 } as const;

@ApiTags('usage events')
@Controller('v1/usage-events')
export class IngestController {
  constructor(private readonly ingest: IngestService) {}

  /** Records usage. The answer leaves after the commit; sending the whole again is always right. */
  @Post()
  @RequireScope('usage:write')
  @IdsOfTheirOwn()
  @RouteConfig({ jsonLevelsMax: JSON_LEVELS_MAX, takesLines: true })
  @ApiOperation({ summary: 'Record usage events: one, a batch, an NDJSON stream or CloudEvents' })
  @ApiConsumes(
    'application/json',
    'application/x-ndjson',
    'application/cloudevents+json',
    'application/cloudevents-batch+json',
  )
  @ApiBody({ type: UsageEventDto })
  @ApiReceipts()
  @ApiQuery({ name: 'results', required: false, enum: ['problems'] })
  async record(
    @Caller() caller: Principal,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const problemsOnly = readResults(request.query);
    if (request.body instanceof Readable) {
      await this.recordStream(caller, request.body, problemsOnly, reply);
      return;
    }
    if (request.body === undefined) {
      throw new Problem('empty_body', 'send a usage event, a batch of them or NDJSON');
    }
    const cloudEvents = CLOUD_EVENTS.exec(request.headers['content-type'] ?? '');
    const shape = cloudEvents === null ? 'usage_event' : 'cloud_event';
    const { alone, events, pointers } =
      cloudEvents === null
        ? openEnvelope(request.body)
        : openCloudEvents(request.body, cloudEvents[1] !== undefined);
    const results = await this.ingest.record({ caller }, events, shape, pointers);
    if (alone) answerOne(reply, results[0]!);
    else answerBatch(reply, results, problemsOnly);
  }

  private async recordStream(
    caller: Principal,
    body: Readable,
    problemsOnly: boolean,
    reply: FastifyReply,
  ): Promise<void> {
    const lines = this.ingest.recordLines({ caller }, body, problemsOnly);
    // Until the first answer is there, what goes wrong can still be said with a status.
    const first = await lines.next();
    async function* answer(): AsyncGenerator<string> {
      if (first.value !== undefined) yield first.value;
      yield* lines;
    }
    await reply.status(200).type('application/x-ndjson').send(Readable.from(answer()));
  }
}

function readResults(query: unknown): boolean {
  const { results } = query as { results?: unknown };
  if (results === undefined) return false;
  if (results === 'problems') return true;
  throw new ValidationProblem([
    {
      pointer: '/results',
      code: 'invalid',
      detail: 'results takes the value problems, or is left out',
    },
  ]);
}

function answerBatch(reply: FastifyReply, results: readonly Result[], problemsOnly: boolean): void {
  const receipt = toReceipt(results);
  const status = receipt.accepted + receipt.duplicate > 0 ? 200 : 422;
  void reply
    .status(status)
    .type('application/json')
    .send(problemsOnly ? { ...receipt, results: results.filter(isProblematic) } : receipt);
}

/** One event alone: its result stands at the top as well; a conflict or a rejection is a problem document. */
function answerOne(reply: FastifyReply, result: Result): void {
  // Alone, an event is the whole document, which is not read so deep.
  if (result.error?.code === 'nesting_too_deep') {
    throw new Problem('nesting_too_deep', result.error.detail);
  }
  const receipt = toReceipt([result]);
  const status = STATUS_OF_ONE[result.status];
  if (result.error === undefined) {
    void reply
      .status(status)
      .type('application/json')
      .send({ ...result, ...receipt });
    return;
  }
  const { code, detail, pointer = '', fields } = result.error;
  throw new Problem(problemCode(result.status, code), detail, {
    errors: (result.errors ?? [{ code, pointer, detail }]) as FieldError[],
    extensions: {
      ...receipt,
      usage_event_id: result.usage_event_id,
      error: result.error,
      ...(fields === undefined ? {} : { fields }),
    },
  });
}

/** The code of what is wrong itself, where it is one that a 422 may carry. */
function problemCode(status: Result['status'], code: string): ProblemCode {
  if (status === 'conflict') return 'usage_event_conflict';
  const known = code as ProblemCode;
  return code in PROBLEMS && PROBLEMS[known].status === 422 ? known : 'usage_event_rejected';
}
