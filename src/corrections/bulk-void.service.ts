import { randomUUID } from 'node:crypto';
import { Injectable, Logger } from '@nestjs/common';
import { audit } from '../access/audit/audit.js';
import { onceInCommand } from '../database/command-context.js';
import type { Queryable, Transaction } from '../database/connections.js';
import { Database } from '../database/database.js';
import { enterGate, readGate } from '../database/gate.js';
import { formatInstant, type Micros } from '../domain/instant.js';
import { Problem } from '../problem/problem.js';
import type { BulkVoidAnswer } from './bulk-void.answer.js';
import type { CreateBulkVoidDto } from './bulk-void.dto.js';
import { effectsOf, rehearsedEffects } from './bulk-void.query.js';
import { bulkVoidById, countSelected, insertBulkVoid } from './bulk-void.store.js';
import { BulkVoider } from './bulk-voider.js';
import { requireSelectionInLedger } from './gone-usage.store.js';
import { selectionOf, type EventSelection } from './event-selection.js';

/** How long a request waits for its job; then it is answered 202 and the job goes on. */
const ANSWER_AFTER_MS = 25_000;
/** After so many the gate is held for the last one, and closes wait. */
const COUNTS_MAX = 3;
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
    if (request.dry_run === true) return this.rehearse(tenantId, request);
    const id = await onceInCommand(() => this.begin(tenantId, request));
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

  /**
   * Counting takes long, so it is done before the gate. What went on behind the closed gate meanwhile
   * may be the erasure of a customer, which waits for voids that it sees: then it is counted again.
   */
  private async begin(tenantId: string, request: CreateBulkVoidDto): Promise<string> {
    for (let tries = 1; ; tries++) {
      const { gateVersion } = await readGate(this.db.work, tenantId);
      const counted = await countedOf(this.db.work, tenantId, request);
      const id = await this.db.work.transaction(async (tx) => {
        const gate = await enterGate(tx, tenantId);
        if (gate.gateVersion === gateVersion) return insert(tx, tenantId, request, counted);
        if (tries < COUNTS_MAX) return undefined;
        return insert(tx, tenantId, request, await countedOf(tx, tenantId, request));
      });
      if (id !== undefined) return id;
    }
  }

  private async rehearse(tenantId: string, request: CreateBulkVoidDto): Promise<BulkVoidAnswer> {
    const { filter, reason } = request;
    const counted = await countedOf(this.db.work, tenantId, request);
    const { selection, found, alreadyVoided, at } = counted;
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

interface Counted {
  readonly selection: EventSelection;
  readonly found: number;
  readonly alreadyVoided: number;
  readonly at: Micros;
}

async function countedOf(
  db: Queryable,
  tenantId: string,
  { filter }: CreateBulkVoidDto,
): Promise<Counted> {
  const selection = await selectionOf(db, tenantId, filter);
  const counted = await countSelected(db, tenantId, selection);
  await requireSelectionInLedger(db, tenantId, selection, counted.at);
  return { selection, ...counted };
}

async function insert(
  tx: Transaction,
  tenantId: string,
  { filter, reason }: CreateBulkVoidDto,
  { selection, found, at }: Counted,
): Promise<string> {
  const id = randomUUID();
  await insertBulkVoid(tx, tenantId, { id, filter, selection, reason, createdAt: at, found });
  const after = { filter, found };
  await audit(tx, tenantId, {
    action: 'usage_events.voided',
    subject: `void:${id}`,
    reason,
    after,
  });
  return id;
}
