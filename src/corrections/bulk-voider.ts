import { Injectable } from '@nestjs/common';
import { Config } from '../config/config.js';
import { violatedConstraint, type Transaction } from '../database/connections.js';
import { Database } from '../database/database.js';
import { behindClosedGate, enterGate, type GateState } from '../database/gate.js';
import { isAdditive } from '../domain/meter.js';
import { voidTargets } from '../ledger/void-target.store.js';
import { insertVoidRecords, readVoids } from '../ledger/void.store.js';
import {
  addVoided,
  bulkVoidById,
  finishBulkVoid,
  lockBulkVoid,
  nextSelected,
  unfinishedBulkVoids,
  type BulkVoid,
  type SelectedEvent,
} from './bulk-void.store.js';
import { voidEvents } from './void-events.js';
import { VOIDED_MEANWHILE } from './voided-meanwhile.js';

const EVENTS_PER_TRANSACTION = 200;
/** Each is scanned for by itself, and recorders wait meanwhile. */
const SCANNED_PER_TRANSACTION = 10;
const OTHERS_AT_WORK_WAIT_MS = 50;

/**
 * Works on voids of many events, a set at a time: the voids, what they are put down to and how far
 * the job has come commit together, so whoever comes after a crash goes on where it ended.
 */
@Injectable()
export class BulkVoider {
  constructor(
    private readonly db: Database,
    private readonly config: Config,
  ) {}

  /** Works on one until it is finished, together with whoever else does. */
  async finish(tenantId: string, id: string, isStopping = () => false): Promise<void> {
    while (!isStopping()) {
      const job = await bulkVoidById(this.db.work, tenantId, id);
      if (job === undefined || job.finishedAt !== null) return;
      if (await this.step(tenantId, job)) continue;
      await new Promise((resume) => setTimeout(resume, OTHERS_AT_WORK_WAIT_MS));
    }
  }

  /** Goes on with those that a crash or a stop left unfinished. */
  async resume(tenantId: string, isStopping: () => boolean): Promise<void> {
    for (const id of await unfinishedBulkVoids(this.db.work, tenantId)) {
      await this.finish(tenantId, id, isStopping);
    }
  }

  /** @returns False where somebody else was at it. */
  private async step(tenantId: string, job: BulkVoid): Promise<boolean> {
    const found = await nextSelected(this.db.work, tenantId, job, EVENTS_PER_TRANSACTION);
    const keys = found.map(({ eventKey }) => eventKey);
    const targets = [...(await voidTargets(this.db.work, tenantId, keys)).values()].flat();
    const alone = targets.some(({ aggregation }) => !isAdditive(aggregation));
    const events = alone ? found.slice(0, SCANNED_PER_TRANSACTION) : found;
    const work = (tx: Transaction, gate: GateState) =>
      this.voidSet(tx, gate, tenantId, job, events, alone);
    try {
      if (alone) return await behindClosedGate(this.db.work, tenantId, work);
      return await this.db.work.transaction(async (tx) => work(tx, await enterGate(tx, tenantId)));
    } catch (error) {
      if (violatedConstraint(error) === VOIDED_MEANWHILE) return false;
      throw error;
    }
  }

  private async voidSet(
    tx: Transaction,
    gate: GateState,
    tenantId: string,
    { id, reason, cursorKey }: BulkVoid,
    events: readonly SelectedEvent[],
    alone: boolean,
  ): Promise<boolean> {
    const locked = await lockBulkVoid(tx, tenantId, id);
    if (locked === undefined || locked.cursorKey !== cursorKey) return false;
    const last = events.at(-1);
    if (last === undefined) {
      await finishBulkVoid(tx, tenantId, id, gate.receivedAt);
      return true;
    }
    const keys = events.map(({ eventKey }) => eventKey);
    const known = await readVoids(tx, tenantId, keys);
    const standing = keys.filter((key) => !known.has(key));
    const settings = { tenantId, graceSeconds: this.config.CLOSE_GRACE_SECONDS, alone };
    const effects = await voidEvents(tx, gate, settings, standing);
    await insertVoidRecords(
      tx,
      tenantId,
      standing.map((eventKey) => ({
        eventKey,
        reason,
        voidedAt: gate.receivedAt,
        effects: effects.get(eventKey)!,
        replacementKey: null,
        replacementStatus: null,
        bulkVoidId: id,
      })),
    );
    const done = { voided: standing.length, alreadyVoided: known.size, last };
    await addVoided(tx, tenantId, id, done);
    return true;
  }
}
