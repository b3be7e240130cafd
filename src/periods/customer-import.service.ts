import { Injectable, Logger } from '@nestjs/common';
import { actAs, currentActor } from '../access/audit/actor.js';
import { decodeUtf8 } from '../domain/utf8.js';
import { ndjsonLines, type NdjsonLine } from '../domain/ndjson-lines.js';
import { parseStrictJson } from '../domain/strict-json.js';
import { isAtMost, isStorableText } from '../domain/text.js';
import type { CustomerChange } from '../customers/customer-change.js';
import type { ChangeStatus } from '../customers/customer-register.js';
import { problemOf } from '../problem/problem-of.js';
import { Problem, ValidationProblem } from '../problem/problem.js';
import { ProblemValidationPipe } from '../problem/validation.pipe.js';
import { CustomerService, type ChangeOutcome } from './customer.service.js';
import { PutCustomerDto, toCustomerChange } from './customer.dto.js';

/** While so many are written, recording waits: some 100 ms. */
const CUSTOMERS_PER_TRANSACTION = 500;

/** What became of one line. */
export interface ImportResult {
  /** Counted from 0, blank lines left out. */
  readonly index: number;
  readonly customerId: string | undefined;
  readonly outcome: ChangeOutcome;
}

export type ImportCounts = Record<ChangeStatus | 'rejected', number>;

interface ReadLine {
  readonly customerId?: string;
  readonly read: CustomerChange | Problem;
}

/** Customers in bulk: one JSON object a line, any number of lines, in constant memory. */
@Injectable()
export class CustomerImportService {
  private readonly logger = new Logger(CustomerImportService.name);
  private readonly validation = new ProblemValidationPipe();

  constructor(private readonly customers: CustomerService) {}

  /** Yields the results in the order of the lines, each after its commit, and returns the counts. */
  async *import(
    tenantId: string,
    body: AsyncIterable<Uint8Array>,
  ): AsyncGenerator<ImportResult, ImportCounts, undefined> {
    const counts: ImportCounts = { created: 0, updated: 0, unchanged: 0, rejected: 0 };
    // Whoever reads the results goes on in another context.
    const actor = currentActor();
    const apply = (lines: readonly ReadLine[], at: number): Promise<ImportResult[]> =>
      actAs(actor, () => this.apply(tenantId, lines, at));
    let index = 0;
    let chunk: ReadLine[] = [];
    for await (const line of ndjsonLines(body)) {
      chunk.push(await this.readLine(line));
      if (chunk.length < CUSTOMERS_PER_TRANSACTION) continue;
      yield* count(counts, await apply(chunk, index));
      index += chunk.length;
      chunk = [];
    }
    if (chunk.length > 0) yield* count(counts, await apply(chunk, index));
    return counts;
  }

  private async apply(
    tenantId: string,
    lines: readonly ReadLine[],
    firstIndex: number,
  ): Promise<ImportResult[]> {
    const changes = lines.flatMap(({ read }) => (read instanceof Problem ? [] : [read]));
    const outcomes = changes.length === 0 ? [] : await this.putMany(tenantId, changes);
    let next = 0;
    return lines.map(({ customerId, read }, offset) => ({
      index: firstIndex + offset,
      customerId,
      outcome: read instanceof Problem ? { status: 'rejected', problem: read } : outcomes[next++]!,
    }));
  }

  /** Together, or, where a change fails in a way that nobody thought of, each by itself. */
  private async putMany(
    tenantId: string,
    changes: readonly CustomerChange[],
  ): Promise<ChangeOutcome[]> {
    try {
      return await this.customers.putMany(tenantId, changes);
    } catch (error) {
      const problem = this.rejection(error);
      if (changes.length > 1) {
        const outcomes: ChangeOutcome[] = [];
        for (const change of changes) outcomes.push(...(await this.putMany(tenantId, [change])));
        return outcomes;
      }
      return changes.map(() => ({ status: 'rejected', problem }));
    }
  }

  /** @throws The error where no line is to blame for it, such as a database that is away. */
  private rejection(error: unknown): Problem {
    if (error instanceof Problem && error.status < 500) return error;
    const problem = problemOf(error);
    if (problem.code !== 'internal_error') throw error;
    this.logger.error(error);
    return problem;
  }

  private async readLine(line: NdjsonLine): Promise<ReadLine> {
    let customerId: string | undefined;
    try {
      const { customer_id: id, ...fields } = parseLine(line);
      if (typeof id === 'string') customerId = id;
      const dto = (await this.validation.transform(fields, {
        type: 'body',
        metatype: PutCustomerDto,
      })) as PutCustomerDto;
      const change = toCustomerChange(checkCustomerId(id, '/customer_id'), dto);
      return { customerId: change.customerId, read: change };
    } catch (problem) {
      const read = this.rejection(problem);
      return customerId === undefined ? { read } : { customerId, read };
    }
  }
}

/** @throws ValidationProblem where it is none that can be kept. */
export function checkCustomerId(id: unknown, pointer: string): string {
  if (typeof id === 'string' && id !== '' && isAtMost(id, 255) && isStorableText(id)) return id;
  const detail =
    'a customer_id is a string of 1 to 255 characters, without NUL and lone surrogates';
  const code = id === undefined ? 'required' : 'invalid';
  throw new ValidationProblem([{ pointer, code, detail }]);
}

function parseLine({ bytes }: NdjsonLine): Record<string, unknown> {
  if (bytes === undefined) throw new Problem('line_too_long', 'the line is longer than 64 KiB');
  const text = decodeUtf8(bytes);
  if (text === undefined) throw new Problem('invalid_utf8', 'the line is not UTF-8');
  const parsed = parseStrictJson(text);
  if (!parsed.ok) throw new Problem(parsed.code, parsed.detail);
  const { value } = parsed;
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  const detail = 'a line is one JSON object';
  throw new ValidationProblem([{ pointer: '', code: 'invalid_type', detail }]);
}

function* count(
  counts: ImportCounts,
  results: readonly ImportResult[],
): Generator<ImportResult, void, undefined> {
  for (const result of results) {
    counts[result.outcome.status] += 1;
    yield result;
  }
}
