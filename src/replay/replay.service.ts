import { Injectable } from '@nestjs/common';
import { audit } from '../access/audit/audit.js';
import { requireCustomer } from '../customers/require-customer.js';
import { violatedConstraint } from '../database/connections.js';
import { Database } from '../database/database.js';
import { parseInstant, type Micros } from '../domain/instant.js';
import { Problem, ValidationProblem } from '../problem/problem.js';
import { differencesOf } from './difference.store.js';
import { countPeriods } from './period-keys.store.js';
import { requireEveryMonth } from './missing-months.store.js';
import { fromReplay, type ReplayAnswer } from './replay.answer.js';
import type { CreateReplayDto } from './replay.dto.js';
import { insertReplay, replayById, stopReplay, type Replay } from './replay.store.js';

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const ALL = { customerNo: null, from: null, to: null };

/** How long a request waits for its replay; then it is answered 202, and a worker goes on. */
const ANSWER_AFTER_MS = 10_000;
/** A replay that no worker has begun by then waits for one. */
const BEGUN_AFTER_MS = 2_000;
const POLL_MS = 100;

/** Holds totals and statements against the ledger, and puts totals right. Nothing of it is pushed. */
@Injectable()
export class ReplayService {
  constructor(private readonly db: Database) {}

  /**
   * @returns The id of a replay that nobody works on yet.
   * @throws Problem `ledger_month_missing` where totals would be put right by half a ledger.
   */
  async begin(
    tenantId: string,
    request: CreateReplayDto,
    { byCommand }: { readonly byCommand: boolean },
  ): Promise<string> {
    const { mode, customer_id: customerId } = request;
    const scope = {
      customerNo:
        customerId == null
          ? null
          : (await requireCustomer(this.db.work, tenantId, customerId)).customerNo,
      from: instantOf('from', request.from),
      to: instantOf('to', request.to),
    };
    if (mode === 'apply') await requireEveryMonth(this.db.replay, tenantId);
    const periods = await countPeriods(this.db.work, tenantId, scope);
    const replay = { mode, reverts: null, byCommand, scope, periods };
    return this.record(tenantId, replay);
  }

  /**
   * Begins to put back what an apply has replaced. One that is not finished ends where it is.
   *
   * @returns The id of the replay that does it; the same one where it was asked for before.
   */
  async beginReversal(
    tenantId: string,
    id: string,
    { byCommand }: { readonly byCommand: boolean },
  ): Promise<string> {
    const replay = await this.require(tenantId, id);
    if (replay.mode !== 'apply') {
      throw new Problem(
        'replay_not_reversible',
        `a replay of mode ${replay.mode} replaced nothing`,
      );
    }
    if (replay.revertedBy !== null) return replay.revertedBy;
    if (replay.finishedAt === null && !(await stopReplay(this.db.work, tenantId, id))) {
      throw new Problem('replay_running', 'somebody is at work on it: stop that first');
    }
    try {
      const reversal = { mode: 'revert', reverts: id, byCommand, scope: ALL, periods: 0 } as const;
      return await this.record(tenantId, reversal);
    } catch (error) {
      if (violatedConstraint(error) !== 'replay_reverts_key') throw error;
      return (await this.require(tenantId, id)).revertedBy!;
    }
  }

  async get(tenantId: string, id: string): Promise<ReplayAnswer> {
    const replay = await this.require(tenantId, id);
    return fromReplay(replay, await differencesOf(this.db.work, tenantId, replay.id));
  }

  /** Waits a while for a worker to end it. */
  async await(tenantId: string, id: string): Promise<ReplayAnswer> {
    const begun = Date.now();
    for (;;) {
      const { finishedAt, leased, position } = await this.require(tenantId, id);
      const waited = Date.now() - begun;
      const isBegun = leased || position !== null;
      if (finishedAt !== null || waited > (isBegun ? ANSWER_AFTER_MS : BEGUN_AFTER_MS)) {
        return this.get(tenantId, id);
      }
      await new Promise((resume) => setTimeout(resume, POLL_MS));
    }
  }

  /** Every replay begins here; one that changes totals is noted in the audit. */
  private record(tenantId: string, replay: Parameters<typeof insertReplay>[2]): Promise<string> {
    return this.db.work.transaction(async (tx) => {
      const id = await insertReplay(tx, tenantId, replay);
      const { mode, reverts, scope } = replay;
      if (mode !== 'verify') {
        const action = mode === 'apply' ? 'replay.applied' : 'replay.reverted';
        await audit(tx, tenantId, { action, subject: `replay:${id}`, after: { reverts, scope } });
      }
      return id;
    });
  }

  /** @throws Problem `replay_not_found` */
  private async require(tenantId: string, id: string): Promise<Replay> {
    const found = UUID.test(id) ? await replayById(this.db.work, tenantId, id) : undefined;
    if (found === undefined) throw new Problem('replay_not_found', 'no replay has this id');
    return found;
  }
}

function instantOf(name: string, text: string | undefined): Micros | null {
  if (text == null) return null;
  const at = parseInstant(text);
  if (at === undefined) {
    const detail = `${name} must be an RFC 3339 time with an offset`;
    throw new ValidationProblem([{ pointer: `/${name}`, code: 'invalid', detail }]);
  }
  return at;
}
