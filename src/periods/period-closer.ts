import { Injectable } from '@nestjs/common';
import { Pace } from '../clock/pace.js';
import { Config } from '../config/config.js';
import type { Transaction } from '../database/connections.js';
import { Database } from '../database/database.js';
import { behindClosedGate, readGate } from '../database/gate.js';
import { statementDigest } from '../domain/entry-digest.js';
import { formatInstant, MICROS_PER_SECOND, type Micros } from '../domain/instant.js';
import { auditCloses } from '../ledger/close-audit.js';
import { countDue, requestClose, type CloseScope } from '../ledger/close-request.store.js';
import { Problem } from '../problem/problem.js';
import { statementValues } from '../usage/statement-values.js';
import { carryOver } from './carry-over.js';
import { rehearseClose, type CloseCounts } from './close-rehearsal.js';
import {
  addProgress,
  closeById,
  finishClose,
  unfinishedCloses,
  type PeriodClose,
} from './close-progress.store.js';
import { owePushes, takeDue, writeStatements, type ClosePlace } from './period-close.store.js';

const PERIODS_PER_TRANSACTION = 500;
const OTHERS_AT_WORK_WAIT_MS = 50;

/**
 * Closes billing periods.
 *
 * A close has one instant: the commit that raises the mark behind the closed gate. From then on
 * recorders see these periods as closed. The statements follow in later transactions, a set at a
 * time; whoever comes after a crash goes on where they ended.
 */
@Injectable()
export class PeriodCloser {
  constructor(
    private readonly db: Database,
    private readonly config: Config,
  ) {}

  /**
   * Raises the mark. The periods are closed when this answers, though their statements are not
   * written yet.
   *
   * @param scope Without `asOf`: the tenant's now.
   * @throws Problem `as_of_in_future`.
   */
  async begin(
    tenantId: string,
    scope: Omit<CloseScope, 'asOf'> & { asOf: Micros | undefined },
  ): Promise<PeriodClose> {
    const before = await this.resolve(tenantId, scope);
    const counts = await countDue(this.db.work, tenantId, before);
    const id = await behindClosedGate(this.db.work, tenantId, async (tx, gate) => {
      const asked = { ...scope, asOf: scope.asOf ?? gate.now };
      const closeId = await requestClose(tx, tenantId, asked, counts, gate);
      await auditCloses(tx, tenantId, [{ ...asked, id: closeId, due: counts.due }]);
      return closeId;
    });
    return (await closeById(this.db.work, tenantId, id))!;
  }

  /** What a close would do, without doing it. */
  async rehearse(
    tenantId: string,
    scope: Omit<CloseScope, 'asOf'> & { asOf: Micros | undefined },
  ): Promise<CloseScope & CloseCounts> {
    const resolved = await this.resolve(tenantId, scope);
    return { ...resolved, ...(await rehearseClose(this.db.work, tenantId, resolved)) };
  }

  /** Writes the statements of a close until none is due; any number may do so at once. */
  async finish(tenantId: string, close: PeriodClose, isStopping = () => false): Promise<void> {
    const pace = new Pace(() => this.db.recording.uses);
    let from: ClosePlace | undefined;
    while (!isStopping()) {
      const passed = from;
      from = await this.db.work.transaction((tx) => this.closeSet(tx, tenantId, close, passed));
      // At the end, from the start once more: others let go of what they had taken, and what a meter
      // carries over makes periods due that were passed.
      if (from !== undefined || passed !== undefined) {
        await pace.rest();
        continue;
      }
      const { due } = await countDue(this.db.work, tenantId, close);
      if (due === 0) {
        const { now } = await readGate(this.db.work, tenantId);
        await finishClose(this.db.work, tenantId, close.id, now);
        return;
      }
      await new Promise((resume) => setTimeout(resume, OTHERS_AT_WORK_WAIT_MS));
    }
  }

  /** Closes what the own clock finds due: ended, past the grace, and not a backfill. */
  async closeByClock(tenantId: string, isStopping: () => boolean): Promise<number> {
    const { now } = await readGate(this.db.work, tenantId);
    const asOf = now - this.config.CLOSE_GRACE_SECONDS * MICROS_PER_SECOND;
    const scope = { asOf, customerNo: 0, meterNo: 0, byClock: true };
    const [due] = await this.db.work.query(
      `SELECT FROM billing_period
        WHERE tenant_id = $1 AND closed_at IS NULL AND period_end <= $2::timestamptz
          AND NOT backfilled AND NOT of_item LIMIT 1`,
      [tenantId, formatInstant(asOf)],
    );
    if (due === undefined) return 0;
    const close = await this.begin(tenantId, scope);
    await this.finish(tenantId, close, isStopping);
    return close.due;
  }

  /** Goes on with closes that a crash or a stop left unfinished. */
  async resume(tenantId: string, isStopping: () => boolean): Promise<void> {
    for (const close of await unfinishedCloses(this.db.work, tenantId)) {
      await this.finish(tenantId, close, isStopping);
    }
  }

  private async resolve(
    tenantId: string,
    scope: Omit<CloseScope, 'asOf'> & { asOf: Micros | undefined },
  ): Promise<CloseScope> {
    const { now } = await readGate(this.db.work, tenantId);
    const asOf = scope.asOf ?? now;
    if (asOf > now) {
      throw new Problem('as_of_in_future', `as_of is later than now, ${formatInstant(now)}`);
    }
    return { ...scope, asOf };
  }

  /** @returns Up to where it has closed; nothing where none was due from there on. */
  private async closeSet(
    tx: Transaction,
    tenantId: string,
    close: PeriodClose,
    from: ClosePlace | undefined,
  ): Promise<ClosePlace | undefined> {
    const due = await takeDue(tx, tenantId, close, PERIODS_PER_TRANSACTION, from);
    if (due.length === 0) return undefined;
    const values = await statementValues(tx, tenantId, due);
    const statements = due.map((period, i) => {
      const { value, carriedIn, eventCount, digestSum } = values[i]!;
      return {
        ...period,
        value,
        carriedIn,
        eventCount,
        digest: statementDigest(eventCount, digestSum),
      };
    });
    const closed = await writeStatements(tx, tenantId, close.id, close.closedAt, statements);
    const pushed = due.filter((period) => period.pushed);
    // Also where the meter is off: the planner remembers what it did not push.
    await owePushes(tx, tenantId, due);
    const carrying = statements
      .filter(
        ({ carryLast, eventCount, carriedLast }) =>
          carryLast && (eventCount > 0 || carriedLast !== null),
      )
      .map((period) => ({ ...period, holds: true }));
    await carryOver(tx, tenantId, carrying, {
      graceSeconds: this.config.CLOSE_GRACE_SECONDS,
      closing: close.byClock ? null : close.asOf,
    });
    await addProgress(tx, tenantId, close.id, closed, pushed.length);
    return due.at(-1);
  }
}
