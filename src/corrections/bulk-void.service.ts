import { randomUUID } from 'node:crypto';
import { Injectable, Logger } from '@nestjs/common';
import { audit } from '../access/audit/audit.js';
import { onceInCommand } from '../database/command-context.js';
import { Database } from '../database/database.js';
import { formatInstant } from '../domain/instant.js';
import { Problem } from '../problem/problem.js';
import type { BulkVoidAnswer, CreateBulkVoidDto } from './bulk-void.dto.js';
import { effectsOf, rehearsedEffects } from './bulk-void.query.js';
import { bulkVoidById, countSelected, insertBulkVoid } from './bulk-void.store.js';
import { BulkVoider } from './bulk-voider.js';
import { selectionOf, type EventSelection } from './event-selection.js';

/** How long a request waits for its job; then it is answered 202 and the job goes on. */
const ANSWER_AFTER_MS = 25_000;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Voids many usage events as a job. */
@Injectable()
export class BulkVoidService {
  private readonly logger = new Logger(BulkVoidService.name);

  constructor(
    private readonly db: Database,
    private readonly voider: BulkVoider,
  ) {}

  /** Begins a job and waits a while; where it takes longer, it goes on behind the answer. */
  async create(tenantId: string, request: CreateBulkVoidDto): Promise<BulkVoidAnswer> {
    const selection = await selectionOf(this.db.work, tenantId, request.filter);
    if (request.dry_run === true) return this.rehearse(tenantId, request, selection);
    const id = await onceInCommand(() => this.begin(tenantId, request, selection));
    let failed: unknown;
    const finished = this.voider.finish(tenantId, id).catch((error: unknown) => {
      failed = error;
      // A worker goes on with it.
      this.logger.error(error, `the void ${id} was interrupted`);
    });
    await Promise.race([
      finished,
      new Promise((resume) => setTimeout(resume, ANSWER_AFTER_MS).unref()),
    ]);
    if (failed !== undefined) throw failed;
    return this.get(tenantId, id);
  }

  async get(tenantId: string, id: string): Promise<BulkVoidAnswer> {
    const job = UUID.test(id) ? await bulkVoidById(this.db.work, tenantId, id) : undefined;
    if (job === undefined)
      throw new Problem('void_not_found', 'no void of many events has this id');
    const { found, voided, alreadyVoided, finishedAt } = job;
    return {
      id: job.id,
      status: finishedAt === null ? 'running' : 'finished',
      dry_run: false,
      filter: job.filter,
      reason: job.reason,
      progress: { found, voided, already_voided: alreadyVoided },
      effects: await effectsOf(this.db.work, tenantId, job.id),
      created_at: formatInstant(job.createdAt),
      finished_at: finishedAt === null ? null : formatInstant(finishedAt),
    };
  }

  private async begin(
    tenantId: string,
    { filter, reason }: CreateBulkVoidDto,
    selection: EventSelection,
  ): Promise<string> {
    const { found, at } = await countSelected(this.db.work, tenantId, selection);
    const id = randomUUID();
    await this.db.work.transaction(async (tx) => {
      await insertBulkVoid(tx, tenantId, { id, filter, selection, reason, createdAt: at, found });
      const after = { filter, found };
      const action = 'usage_events.voided';
      await audit(tx, tenantId, { action, subject: `void:${id}`, reason, after });
    });
    return id;
  }

  private async rehearse(
    tenantId: string,
    { filter, reason }: CreateBulkVoidDto,
    selection: EventSelection,
  ): Promise<BulkVoidAnswer> {
    const { found, alreadyVoided, at } = await countSelected(this.db.work, tenantId, selection);
    return {
      id: null,
      status: 'dry_run',
      dry_run: true,
      filter,
      reason,
      progress: { found, voided: 0, already_voided: alreadyVoided },
      effects: await rehearsedEffects(this.db.work, tenantId, selection, at),
      created_at: null,
      finished_at: null,
    };
  }
}
