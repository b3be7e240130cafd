import { Injectable } from '@nestjs/common';
import type { Transaction } from '../database/connections.js';
import { Database } from '../database/database.js';
import { behindClosedGate } from '../database/gate.js';
import { sumOf } from '../domain/decimal-arithmetic.js';
import { countDue, requestClose } from '../ledger/close-request.store.js';
import { periodKeyText } from '../usage/period-values.js';
import { amendmentsOf, type Amendment } from './amendment.query.js';
import {
  carryAmended,
  dueAmendments,
  sealRevisions,
  takeSealed,
  writeAmendments,
  type DueAmendment,
  type SealedAmendment,
} from './amendment.store.js';
import { owePushes } from './period-close.store.js';

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
  constructor(private readonly db: Database) {}

  /** Seals what has waited long enough and writes what was sealed. */
  async run(tenantId: string, isStopping: () => boolean): Promise<void> {
    await this.seal(tenantId);
    while (!isStopping() && (await this.write(tenantId)) > 0);
  }

  private async seal(tenantId: string): Promise<void> {
    const due = await dueAmendments(this.db.work, tenantId, PERIODS_PER_GATE);
    if (due.length === 0) return;
    await behindClosedGate(this.db.work, tenantId, async (tx, gate) => {
      const closed = due.filter((period) => period.closed);
      await sealRevisions(tx, tenantId, closed, gate.receivedAt);
      // A mark passed them, and no close was there to write their statements: usage was the first.
      for (const period of due.filter((each) => !each.closed && each.closedByCommand)) {
        await this.close(tx, tenantId, period, gate);
      }
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
      const amendments = await amendmentsOf(tx, tenantId, sealed);
      const written = sealed.map((each) => {
        const own = amendments.get(periodKeyText(each)) ?? [];
        const amendment = own.find(({ revision }) => revision === each.revision);
        if (amendment === undefined) throw new Error(`revision ${each.revision} holds nothing`);
        return { ...each, ...amendment, statement: each.value, own };
      });
      await writeAmendments(tx, tenantId, written);
      const newest = [...new Map(written.map((each) => [periodKeyText(each), each])).values()];
      await owePushes(tx, tenantId, newest);
      await carryAmended(tx, tenantId, newest.filter(({ carryLast }) => carryLast).map(toCarried));
      return sealed.length;
    });
  }
}

function toCarried({
  customerNo,
  meterNo,
  periodEnd,
  revision,
  statement,
  own,
}: SealedAmendment & { readonly statement: string; readonly own: readonly Amendment[] }) {
  const changes = own.filter((each) => each.revision <= revision).map(({ value }) => value);
  return { customerNo, meterNo, periodStart: periodEnd, value: sumOf([statement, ...changes]) };
}
