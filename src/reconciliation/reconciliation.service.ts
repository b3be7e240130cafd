import { Injectable, Logger } from '@nestjs/common';
import { requireCustomer } from '../customers/require-customer.js';
import { onceInCommand } from '../database/command-context.js';
import { Database } from '../database/database.js';
import { toPage, type Page, type PageRequest } from '../database/page.js';
import { formatInstantMicros, parseInstant, type Micros } from '../domain/instant.js';
import { requireMeter } from '../meters/require-meter.js';
import { Problem, ValidationProblem } from '../problem/problem.js';
import { lanePage } from './lane-page.js';
import { laneRows } from './reconciliation-lane.store.js';
import { ReconciliationRunner } from './reconciliation-runner.js';
import { requestReconciliation } from './reconciliation-scope.store.js';
import {
  fromLane,
  fromReconciliation,
  type ReconciliationAnswer,
  type ReconciliationPage,
} from './reconciliation.answer.js';
import type { CreateReconciliationDto } from './reconciliation.dto.js';
import {
  listReconciliations,
  reconciliationById,
  type Reconciliation,
  type ReconciliationScope,
} from './reconciliation.store.js';

/** How long a request waits for its reconciliation; then it is answered 202, and it goes on. */
const ANSWER_AFTER_MS = 25_000;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Holds pushes against what Stripe counted. */
@Injectable()
export class ReconciliationService {
  private readonly logger = new Logger(ReconciliationService.name);
  private isStopping = false;

  constructor(
    private readonly db: Database,
    private readonly runner: ReconciliationRunner,
  ) {}

  /** Lets what runs behind an answer end after its lane. */
  beforeApplicationShutdown(): void {
    this.isStopping = true;
  }

  /** Reconciles and waits a while; where it takes longer, it goes on behind the answer. */
  async reconcile(tenantId: string, request: CreateReconciliationDto): Promise<ReconciliationPage> {
    const id = await onceInCommand(() => this.begin(tenantId, request));
    let failed: unknown;
    const finished = this.runner
      .run(tenantId, id, () => this.isStopping)
      .catch((error: unknown) => {
        failed = error;
        // A worker goes on with it.
        this.logger.error(error, `reconciliation ${id} was interrupted`);
      });
    await Promise.race([
      finished,
      new Promise((resume) => setTimeout(resume, ANSWER_AFTER_MS).unref()),
    ]);
    if (failed !== undefined) throw failed;
    return this.get(tenantId, id, lanePage(id, {}));
  }

  /** @returns The id of a reconciliation that nobody runs yet. */
  async begin(tenantId: string, request: CreateReconciliationDto): Promise<string> {
    const scope = await this.scopeOf(tenantId, request);
    return this.db.work.transaction((tx) => requestReconciliation(tx, tenantId, scope));
  }

  async get(tenantId: string, id: string, page: PageRequest): Promise<ReconciliationPage> {
    const reconciliation = await this.require(tenantId, id);
    const after = Number(page.after?.[0] ?? 0);
    const rows = await laneRows(this.db.work, tenantId, id, { after, limit: page.limit + 1 });
    const { data, next_cursor } = toPage(rows, page, ({ laneNo }) => [String(laneNo)]);
    return { ...fromReconciliation(reconciliation), lanes: data.map(fromLane), next_cursor };
  }

  /** The newest first. */
  async list(tenantId: string, page: PageRequest): Promise<Page<ReconciliationAnswer>> {
    const rows = await listReconciliations(this.db.work, tenantId, page.after, page.limit + 1);
    const { data, next_cursor } = toPage(rows, page, ({ createdAt, id }) => [
      formatInstantMicros(createdAt),
      id,
    ]);
    return { data: data.map(fromReconciliation), next_cursor };
  }

  /** @throws Problem `reconciliation_not_found` */
  async require(tenantId: string, id: string): Promise<Reconciliation> {
    const found = UUID.test(id) ? await reconciliationById(this.db.work, tenantId, id) : undefined;
    if (found === undefined)
      throw new Problem('reconciliation_not_found', 'no reconciliation has this id');
    return found;
  }

  private async scopeOf(
    tenantId: string,
    { customer_id: customerId, meter, period_start: periodStart }: CreateReconciliationDto,
  ): Promise<ReconciliationScope> {
    const customer = customerId && (await requireCustomer(this.db.work, tenantId, customerId));
    const ofMeter = meter && (await requireMeter(this.db.work, tenantId, meter));
    return {
      customerNo: customer ? customer.customerNo : null,
      meterNo: ofMeter ? ofMeter.meterNo : null,
      periodStart: periodStart == null ? null : instantOf(periodStart),
    };
  }
}

function instantOf(text: string): Micros {
  const at = parseInstant(text);
  if (at === undefined) {
    const detail = 'period_start must be an RFC 3339 time with an offset';
    throw new ValidationProblem([{ pointer: '/period_start', code: 'invalid', detail }]);
  }
  return at;
}
