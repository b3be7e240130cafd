import { Injectable } from '@nestjs/common';
import { Config } from '../config/config.js';
import type { Transaction } from '../database/connections.js';
import { Database } from '../database/database.js';
import { behindClosedGate } from '../database/gate.js';
import { sumOf } from '../domain/decimal-arithmetic.js';
import type { Micros } from '../domain/instant.js';
import { countDue, requestClose } from '../ledger/close-request.store.js';
import { periodKeyText } from '../usage/period-values.js';
import { amendmentsOf, type Amendment } from './amendment.query.js';
import {
  dueAmendments,
  lockPeriods,
  takeSealed,
  writeAmendments,
  type DueAmendment,
  type SealedAmendment,
} from './amendment.store.js';
import { carryOver } from './carry-over.js';
import { owePushes } from './period-close.store.js';
import { judgeChains, planChains, type Chain } from './sealing-plan.js';
import {
  lockQuiet,
  putBackDueRows,
  revisionFacts,
  sealRevisions,
  takeDueRows,
} from './sealing.store.js';

const PERIODS_PER_GATE = 200;
const AMENDMENTS_PER_TRANSACTION = 20;

/**
 * Freezes the amendments of closed statements.
 *
 * An amendment has one instant, as a close has: the commit that seals its revision behind the
 * closed gate. What it says is written in a later transaction, by whoever finds it sealed.
 */
@Injectable()
export class AmendmentSealer {
  constructor(
    private readonly db: Database,
    private readonly config: Config,
  ) {}

  /** Seals what has waited long enough and writes what was sealed, and what that changes after it. */
  async run(tenantId: string, isStopping: () => boolean): Promise<void> {
    for (;;) {
      const sealed = await this.seal(tenantId);
      while (!isStopping() && (await this.write(tenantId)) > 0);
      if (sealed === 0 || isStopping()) return;
    }
  }

  /** @returns How many revisions it sealed. */
  private async seal(tenantId: string): Promise<number> {
    const due = await dueAmendments(this.db.work, tenantId, PERIODS_PER_GATE);
    if (due.length === 0) return 0;
    const closed = due.filter((period) => period.closed);
    const carrying = closed.filter(({ carries }) => carries);
    const chains = await planChains(this.db.work, tenantId, carrying);
    return behindClosedGate(this.db.work, tenantId, async (tx, gate) => {
      // A mark passed them, and no close was there to write their statements: usage was the first.
      for (const period of due.filter((each) => !each.closed)) {
        await this.close(tx, tenantId, period, gate);
      }
      return sealDue(tx, tenantId, { closed, chains }, gate.receivedAt);
    });
  }

  private async close(
    tx: Transaction,
    tenantId: string,
    { customerNo, meterNo, periodEnd }: DueAmendment,
    gate: Parameters<typeof requestClose>[4],
  ): Promise<void> {
    const scope = { asOf: periodEnd, customerNo, meterNo, byClock: false };
    const counts = await countDue(tx, tenantId, scope);
    const [running] = await tx.query(
      `SELECT FROM period_close
        WHERE tenant_id = $1 AND finished_at IS NULL AND customer_no IN (0, $2)
          AND meter_no IN (0, $3) LIMIT 1`,
      [tenantId, customerNo, meterNo],
    );
    if (running === undefined) await requestClose(tx, tenantId, scope, counts, gate);
  }

  private async write(tenantId: string): Promise<number> {
    return this.db.work.transaction(async (tx) => {
      const sealed = await takeSealed(tx, tenantId, AMENDMENTS_PER_TRANSACTION);
      if (sealed.length === 0) return 0;
      const carrying = sealed.filter(({ carryLast }) => carryLast);
      const followers = carrying.map((each) => ({ ...each, periodStart: each.periodEnd }));
      await lockPeriods(tx, tenantId, [...carrying, ...followers]);
      await writeAll(
        tx,
        tenantId,
        sealed.filter(({ carryLast }) => !carryLast),
      );
      // Each begins with what the one before it has come to by then.
      for (const each of carrying.toSorted(inOrder)) {
        const [written] = await writeAll(tx, tenantId, [each]);
        await carryOver(tx, tenantId, [toCarried(written!)], {
          graceSeconds: this.config.CLOSE_GRACE_SECONDS,
          closing: null,
        });
      }
      const newest = [...new Map(sealed.map((each) => [periodKeyText(each), each])).values()];
      await owePushes(tx, tenantId, newest);
      return sealed.length;
    });
  }
}

/**
 * Takes what is due away before it reads what it was due for: what is carried into a period after that
 * makes it due again.
 */
async function sealDue(
  tx: Transaction,
  tenantId: string,
  { closed, chains }: { closed: readonly DueAmendment[]; chains: readonly Chain[] },
  at: Micros,
): Promise<number> {
  const chained = [...new Map(chains.flat().map((each) => [periodKeyText(each), each])).values()];
  const plain = closed.filter(({ carries }) => !carries);
  const taken = await takeDueRows(tx, tenantId, [...plain, ...chained]);
  const takenKeys = new Set(taken.map(periodKeyText));
  const quiet = await lockQuiet(tx, tenantId, chained);
  const facts = await revisionFacts(tx, tenantId, quiet);
  const { sealed, needless } = judgeChains(
    chains.filter(([head]) => takenKeys.has(periodKeyText(head!))),
    new Map(facts.map((each) => [periodKeyText(each), each])),
  );
  const revisions = [
    ...plain.filter((period) => takenKeys.has(periodKeyText(period))),
    ...sealed.values(),
  ];
  await sealRevisions(tx, tenantId, revisions, at);
  const done = new Set([...revisions.map(periodKeyText), ...needless]);
  await putBackDueRows(
    tx,
    tenantId,
    taken.filter((row) => !done.has(periodKeyText(row))),
  );
  return revisions.length;
}

type WrittenAmendment = SealedAmendment & { readonly own: readonly Amendment[] };

async function writeAll(
  tx: Transaction,
  tenantId: string,
  sealed: readonly SealedAmendment[],
): Promise<WrittenAmendment[]> {
  const amendments = await amendmentsOf(
    tx,
    tenantId,
    sealed.map((each) => ({ ...each, sealed: each.revision })),
  );
  const written = sealed.map((each) => {
    const own = amendments.get(periodKeyText(each)) ?? [];
    return { each, own, amendment: own.find(({ revision }) => revision === each.revision)! };
  });
  await writeAmendments(
    tx,
    tenantId,
    written.map(({ each, amendment }) => ({ ...each, ...amendment })),
  );
  return written.map(({ each, own }) => ({ ...each, own }));
}

/** Also the order in which everybody else locks what is due: they wait for each other, never both. */
function inOrder(a: SealedAmendment, b: SealedAmendment): number {
  return (
    a.customerNo - b.customerNo ||
    a.meterNo - b.meterNo ||
    a.periodStart - b.periodStart ||
    a.revision - b.revision
  );
}

function toCarried({ revision, value, statementEvents, own, ...period }: WrittenAmendment) {
  const through = own.filter((each) => each.revision <= revision);
  const standing = through.reduce((n, { eventCount }) => n + eventCount, statementEvents);
  const carriedLast = through.at(-1)?.carriedLast ?? null;
  // Its close would have opened the one after it: nothing was carried over then, nor is it now.
  const wasHeld = statementEvents > 0 || period.carriedLast !== null;
  return {
    ...period,
    value: sumOf([value, ...through.map((each) => each.value)]),
    holds: !wasHeld && (standing > 0 || carriedLast !== null),
  };
}
