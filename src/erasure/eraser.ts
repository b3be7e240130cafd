import { Injectable, Logger } from '@nestjs/common';
import type { Transaction } from '../database/connections.js';
import { Database } from '../database/database.js';
import { behindClosedGate } from '../database/gate.js';
import { withinTenant } from '../database/tenant-scope.js';
import { eraseApprovals } from './approval-texts.store.js';
import { eraseAnswers } from './answer-texts.store.js';
import { eraseAudit } from './audit-texts.store.js';
import { eraseCorrections, eraseReplays } from './correction-texts.store.js';
import {
  advance,
  erasureById,
  lockErasure,
  unfinishedErasures,
  type Done,
  type ErasurePhase,
  type RunningErasure,
} from './erasure.store.js';
import { erasePushes } from './push-texts.store.js';
import { eraseQuarantined } from './quarantined-texts.js';
import { eraseStripe } from './stripe-texts.store.js';
import { eraseTotals, eraseUsageEvents, needsClosedGate } from './usage-texts.store.js';

const OTHERS_AT_WORK_WAIT_MS = 50;

/** `waiting`: something must end first that still needs the texts, or may bring them back. */
type Phase = (
  tx: Transaction,
  tenantId: string,
  erasure: RunningErasure,
) => Promise<Done | 'waiting'>;

const WORK: Readonly<Record<ErasurePhase, Phase>> = {
  usage_events: eraseUsageEvents,
  totals: eraseTotals,
  pushes: erasePushes,
  corrections: eraseCorrections,
  replays: eraseReplays,
  quarantine: eraseQuarantined,
  stripe: eraseStripe,
  answers: eraseAnswers,
  approvals: eraseApprovals,
  audit: eraseAudit,
};

/**
 * Works on erasures a bounded number of rows at a time: what was erased and how far it has come
 * commit together, so whoever comes after a crash goes on where it ended.
 */
@Injectable()
export class Eraser {
  private readonly logger = new Logger(Eraser.name);

  constructor(private readonly db: Database) {}

  /** Works on one until it is finished or has to wait, together with whoever else does. */
  finish(tenantId: string, id: string, isStopping = () => false): Promise<void> {
    return withinTenant(tenantId, async () => {
      while (!isStopping()) {
        const did = await this.step(tenantId, id);
        if (did === 'finished' || did === 'waiting') return;
        if (did === 'others') {
          await new Promise((resume) => setTimeout(resume, OTHERS_AT_WORK_WAIT_MS));
        }
      }
    });
  }

  /** Goes on with those that a crash or a stop left unfinished, or that had to wait; each by itself. */
  resume(tenantId: string, isStopping: () => boolean): Promise<void> {
    return withinTenant(tenantId, async () => {
      for (const id of await unfinishedErasures(this.db.work, tenantId)) {
        try {
          await this.finish(tenantId, id, isStopping);
        } catch (error) {
          this.logger.error(error, `the erasure ${id} failed; the others go on`);
        }
      }
    });
  }

  /** One transaction of it. */
  async step(
    tenantId: string,
    id: string,
  ): Promise<'advanced' | 'waiting' | 'others' | 'finished'> {
    const before = await erasureById(this.db.work, tenantId, id);
    const isGated = before !== undefined && needsClosedGate(before);
    const work = async (tx: Transaction) => {
      const erasure = await lockErasure(tx, tenantId, id);
      if (erasure === undefined || needsClosedGate(erasure) !== isGated) return 'nothing';
      const done = await WORK[erasure.phase](tx, tenantId, erasure);
      if (done === 'waiting') return done;
      await advance(tx, tenantId, erasure, done);
      return 'advanced';
    };
    const did = isGated
      ? await behindClosedGate(this.db.work, tenantId, work)
      : await this.db.work.transaction(work);
    if (did !== 'nothing') return did;
    const erasure = await erasureById(this.db.work, tenantId, id);
    return erasure === undefined || erasure.finishedAt !== null ? 'finished' : 'others';
  }
}
