import { Injectable, Logger } from '@nestjs/common';
import { requireCustomer } from '../customers/require-customer.js';
import { onceInCommand } from '../database/command-context.js';
import { Database } from '../database/database.js';
import { formatInstant, parseInstant, type Micros } from '../domain/instant.js';
import type { CloseScope } from '../ledger/close-request.store.js';
import { requireMeter } from '../meters/require-meter.js';
import { Problem, ValidationProblem } from '../problem/problem.js';
import { closeById, type PeriodClose } from './close-progress.store.js';
import {
  fromPeriodClose,
  type CreatePeriodCloseDto,
  type PeriodCloseAnswer,
} from './period-close.dto.js';
import { PeriodCloser } from './period-closer.js';

/** How long a request waits for its close; then it is answered 202 and the close goes on. */
const ANSWER_AFTER_MS = 25_000;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

@Injectable()
export class PeriodCloseService {
  private readonly logger = new Logger(PeriodCloseService.name);

  constructor(
    private readonly db: Database,
    private readonly closer: PeriodCloser,
  ) {}

  /** Closes and waits a while; where it takes longer, the close goes on behind the answer. */
  async close(tenantId: string, request: CreatePeriodCloseDto): Promise<PeriodCloseAnswer> {
    if (request.dry_run === true) return this.rehearse(tenantId, request);
    const id = await onceInCommand(async () => (await this.begin(tenantId, request)).id);
    const begun = (await closeById(this.db.work, tenantId, id))!;
    let failed: unknown;
    const finished = this.closer.finish(tenantId, begun).catch((error: unknown) => {
      failed = error;
      // A worker goes on with it; the mark stands.
      this.logger.error(error, `close ${begun.id} was interrupted`);
    });
    await Promise.race([
      finished,
      new Promise((resume) => setTimeout(resume, ANSWER_AFTER_MS).unref()),
    ]);
    if (failed !== undefined) throw failed;
    return this.get(tenantId, begun.id);
  }

  /** What a close would do, without doing it. */
  async rehearse(tenantId: string, request: CreatePeriodCloseDto): Promise<PeriodCloseAnswer> {
    const scope = await this.scopeOf(tenantId, request);
    const { asOf, due, alreadyClosed, pushes } = await this.closer.rehearse(tenantId, scope);
    return {
      id: null,
      status: 'dry_run',
      as_of: formatInstant(asOf),
      dry_run: true,
      progress: { due, closed: 0 },
      closed: due,
      already_closed: alreadyClosed,
      pushes,
      closed_at: null,
    };
  }

  /** Closes the periods; their statements are written by {@link finish}. */
  async begin(tenantId: string, request: CreatePeriodCloseDto): Promise<PeriodClose> {
    return this.closer.begin(tenantId, await this.scopeOf(tenantId, request));
  }

  finish(tenantId: string, begun: PeriodClose, isStopping: () => boolean): Promise<void> {
    return this.closer.finish(tenantId, begun, isStopping);
  }

  /** Writes what is missing of closes that were interrupted. */
  resume(tenantId: string, isStopping: () => boolean): Promise<void> {
    return this.closer.resume(tenantId, isStopping);
  }

  async get(tenantId: string, id: string): Promise<PeriodCloseAnswer> {
    const close = UUID.test(id) ? await closeById(this.db.work, tenantId, id) : undefined;
    if (close === undefined)
      throw new Problem('period_close_not_found', 'no period close has this id');
    return fromPeriodClose(close);
  }

  private async scopeOf(
    tenantId: string,
    request: CreatePeriodCloseDto,
  ): Promise<Omit<CloseScope, 'asOf'> & { asOf: Micros | undefined }> {
    return {
      asOf: instantOf(request.as_of),
      customerNo: await numberOf(
        request.customer_id,
        async (id) => (await requireCustomer(this.db.work, tenantId, id)).customerNo,
      ),
      meterNo: await numberOf(
        request.meter,
        async (key) => (await requireMeter(this.db.work, tenantId, key)).meterNo,
      ),
      byClock: false,
    };
  }
}

function instantOf(text: string | undefined): Micros | undefined {
  if (text == null) return undefined;
  const at = parseInstant(text);
  if (at === undefined) {
    const detail = 'as_of must be an RFC 3339 time with an offset';
    throw new ValidationProblem([{ pointer: '/as_of', code: 'invalid', detail }]);
  }
  return at;
}

/** 0 stands for all of them. */
async function numberOf(
  name: string | undefined,
  find: (name: string) => Promise<number>,
): Promise<number> {
  return name == null ? 0 : find(name);
}
