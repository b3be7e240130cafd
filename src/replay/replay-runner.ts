import { Injectable } from '@nestjs/common';
import type { Transaction } from '../database/connections.js';
import { Database } from '../database/database.js';
import { behindClosedGate, enterGate } from '../database/gate.js';
import { meterVersionsOf } from '../meters/meter.store.js';
import { holdFolds } from '../usage/fold.js';
import type { PeriodKey } from '../usage/period-values.js';
import { comparePeriods, type Comparison } from './comparison.store.js';
import { keepDifferences, DIFFERENCES_KEPT_MAX } from './difference.store.js';
import { NOTHING, type Found } from './difference.js';
import { addMembers, mendTotals, removeMembers } from './mend.store.js';
import { nextPeriods, type FoundPeriod } from './period-keys.store.js';
import { entrylessDifferences } from './registry-check.js';
import { nextKeys, type RegistryPosition } from './registry.store.js';
import { revertChanges } from './revert.store.js';
import {
  advanceReplay,
  claimReplay,
  LostLease,
  RENEW_EVERY_MS,
  releaseReplay,
  renewLease,
  replayById,
  type Progress,
  type Replay,
} from './replay.store.js';

/** Bounds of what one statement rebuilds; a single period may have more entries. */
const PERIODS_PER_CHUNK = 200;
const ENTRIES_PER_CHUNK = 50_000;
const KEYS_PER_CHUNK = 5_000;
/** As many as are put back while recorders wait. */
const CHANGES_PER_CHUNK = 500;

/** A replay that this process works on. */
interface Run {
  readonly tenantId: string;
  readonly replay: Replay;
  readonly fence: number;
}

/**
 * Works through a replay, a bounded chunk at a time, and goes on where another process stopped: what
 * a chunk found, what it changed and how far the replay has come are committed together.
 */
@Injectable()
export class ReplayRunner {
  constructor(private readonly db: Database) {}

  /** @returns Whether it has ended; not where another process has it, or this one stops. */
  async run(tenantId: string, id: string, isStopping: () => boolean): Promise<boolean> {
    const fence = await claimReplay(this.db.work, tenantId, id);
    if (fence === undefined) return (await this.read(tenantId, id)).finishedAt !== null;
    const renewal = setInterval(() => {
      // One that fails is made up for by the next; the fence is what decides.
      renewLease(this.db.work, tenantId, id, fence).catch(() => undefined);
    }, RENEW_EVERY_MS);
    try {
      for (;;) {
        const replay = await this.read(tenantId, id);
        if (replay.finishedAt !== null) return true;
        if (isStopping()) return false;
        await this.step({ tenantId, replay, fence });
      }
    } catch (error) {
      if (error instanceof LostLease) return false;
      throw error;
    } finally {
      clearInterval(renewal);
      await releaseReplay(this.db.work, tenantId, id, fence);
    }
  }

  private async read(tenantId: string, id: string): Promise<Replay> {
    const replay = await replayById(this.db.work, tenantId, id);
    if (replay === undefined) throw new Error(`no replay ${id}`);
    return replay;
  }

  private step(run: Run): Promise<void> {
    switch (run.replay.phase) {
      case 'periods':
        return this.periods(run);
      case 'registry':
        return this.registry(run);
      default:
        return this.revert(run);
    }
  }

  private async periods(run: Run): Promise<void> {
    const { tenantId, replay } = run;
    const after = replay.position as unknown as PeriodKey | null;
    const found = await nextPeriods(
      this.db.replay,
      tenantId,
      replay,
      after ?? undefined,
      PERIODS_PER_CHUNK,
    );
    const chunk = upTo(found, ENTRIES_PER_CHUNK);
    const last = chunk.at(-1);
    if (last === undefined) {
      await this.advance(run, { phase: 'registry', position: null }, NOTHING);
      return;
    }
    const { customerNo, meterNo, periodStart } = last;
    const position = { customerNo, meterNo, periodStart };
    const keys = chunk.filter(({ asked }) => asked);
    const comparison = await comparePeriods(this.db.replay, tenantId, keys, DIFFERENCES_KEPT_MAX);
    if (replay.mode === 'apply' && comparison.isMendable) {
      await this.mend(run, keys, position, comparison.hasSurplusMember);
    } else {
      await this.advance(run, progressOf(keys, comparison, position), comparison.found);
    }
  }

  /**
   * Recorders share the gate with this, and go on: only for what nothing in the ledger stands behind
   * must they wait. Closes, voids and whatever moves usage are kept out either way.
   */
  private async mend(
    run: Run,
    keys: readonly PeriodKey[],
    position: Record<string, unknown>,
    needsClosedGate: boolean,
  ): Promise<void> {
    const { tenantId, replay } = run;
    const work = async (tx: Transaction): Promise<void> => {
      await holdFolds(tx, tenantId);
      const comparison = await comparePeriods(tx, tenantId, keys, DIFFERENCES_KEPT_MAX);
      let changes = await mendTotals(tx, tenantId, replay.id, keys);
      changes += await addMembers(tx, tenantId, replay.id, keys);
      if (needsClosedGate) changes += await removeMembers(tx, tenantId, replay.id, keys);
      const progress = { ...progressOf(keys, comparison, position), changes };
      await this.advanceIn(tx, run, progress, comparison.found);
    };
    if (needsClosedGate) return behindClosedGate(this.db.replay, tenantId, work);
    return this.db.replay.transaction(async (tx) => {
      await enterGate(tx, tenantId);
      await work(tx);
    });
  }

  private async registry(run: Run): Promise<void> {
    const { tenantId, replay } = run;
    const after = (replay.position as unknown as RegistryPosition | null) ?? undefined;
    const chunk = await nextKeys(this.db.replay, tenantId, replay, after, KEYS_PER_CHUNK);
    if (chunk.last === undefined) {
      await this.advance(run, { phase: 'done', position: null }, NOTHING);
      return;
    }
    const found =
      chunk.entryless.length === 0
        ? NOTHING
        : entrylessDifferences(chunk.entryless, await meterVersionsOf(this.db.work, tenantId));
    const position = { ...chunk.last };
    await this.advance(run, { phase: 'registry', position, keys: chunk.keys }, found);
  }

  private async revert(run: Run): Promise<void> {
    const { tenantId, replay } = run;
    const after = Number(replay.position?.['changeNo'] ?? 0);
    await behindClosedGate(this.db.replay, tenantId, async (tx) => {
      await holdFolds(tx, tenantId);
      const { last, changes } = await revertChanges(
        tx,
        tenantId,
        replay.reverts!,
        after,
        CHANGES_PER_CHUNK,
      );
      const progress: Progress =
        last === undefined
          ? { phase: 'done', position: null }
          : { phase: 'changes', position: { changeNo: last }, changes };
      await this.advanceIn(tx, run, progress, NOTHING);
    });
  }

  private advance(run: Run, progress: Progress, found: Found): Promise<void> {
    return this.db.work.transaction((tx) => this.advanceIn(tx, run, progress, found));
  }

  private async advanceIn(
    tx: Transaction,
    { tenantId, replay, fence }: Run,
    progress: Progress,
    found: Found,
  ): Promise<void> {
    const before = await advanceReplay(tx, tenantId, replay.id, fence, {
      ...progress,
      differences: found.count,
    });
    const isApplied = replay.mode === 'apply';
    await keepDifferences(tx, tenantId, replay.id, before, found.named, isApplied);
  }
}

function progressOf(
  keys: readonly PeriodKey[],
  { entries, totals, statements }: Comparison,
  position: Record<string, unknown>,
): Progress {
  return { phase: 'periods', position, periods: keys.length, entries, totals, statements };
}

/** The first periods, as long as they have so many entries together; at least one. */
function upTo(periods: readonly FoundPeriod[], entriesMax: number): FoundPeriod[] {
  let entries = 0;
  const end = periods.findIndex((period, i) => {
    entries += period.entries;
    return i > 0 && entries > entriesMax;
  });
  return end === -1 ? [...periods] : periods.slice(0, end);
}
