import { Injectable } from '@nestjs/common';
import { audit, type AuditedChange } from '../access/audit/audit.js';
import type { Transaction } from '../database/connections.js';
import { Database } from '../database/database.js';
import { enterGate } from '../database/gate.js';
import { sumOf } from '../domain/decimal-arithmetic.js';
import { formatInstant, type Micros } from '../domain/instant.js';
import { lockLanesForPush } from '../outbox/extra-push.store.js';
import { PUSH_STOP_DETAILS, pushStop } from '../outbox/push-guard.js';
import { Problem } from '../problem/problem.js';
import { laneState } from './lane.store.js';
import { driftRows, type LaneRow } from './reconciliation-lane.store.js';
import { instantOrNull } from './reconciliation.answer.js';
import { ReconciliationService } from './reconciliation.service.js';
import { planOfLane } from './repair-facts.js';
import type { RepairStep } from './repair-plan.js';
import type { RepairAnswer, RepairLaneAnswer } from './repair.answer.js';
import { applySteps, repairOf, storeRepair } from './repair.store.js';

/** Makes Stripe agree with us again, by pushes like all others, and once for each reconciliation. */
@Injectable()
export class RepairService {
  constructor(
    private readonly db: Database,
    private readonly reconciliations: ReconciliationService,
  ) {}

  /** @param dryRun Only tells; else what was done the first time is the answer of every time. */
  async repair(tenantId: string, id: string, dryRun: boolean): Promise<RepairAnswer> {
    const { finishedAt, repairedAt } = await this.reconciliations.require(tenantId, id);
    if (finishedAt === null)
      throw new Problem('reconciliation_running', 'repairs are made of what was found');
    return this.db.work.transaction(async (tx) => {
      // What a changing schedule or mapping takes back must not be pushed after it.
      const { now, receivedAt } = await enterGate(tx, tenantId);
      const done = await repairOf<Partial<RepairAnswer>>(tx, tenantId, id);
      if (done !== undefined) return { ...nothingLeft(id, repairedAt), ...done };
      const rows = await driftRows(tx, tenantId, id);
      if (!dryRun) await this.mayApply(tx, tenantId, rows);
      const lanes: RepairLaneAnswer[] = [];
      for (const row of rows) {
        const steps = await planOfLane(tx, tenantId, row, now);
        const outdated = (await laneState(tx, tenantId, row.laneId)) !== row.state;
        const made = dryRun ? steps : await applySteps(tx, tenantId, row.laneId, steps, receivedAt);
        lanes.push(laneAnswer(row, made, outdated));
      }
      const appliedAt = dryRun ? null : formatInstant(receivedAt);
      const answer = { reconciliation_id: id, dry_run: dryRun, applied_at: appliedAt, lanes };
      if (!dryRun) {
        await storeRepair(tx, tenantId, id, answer, receivedAt);
        await audit(tx, tenantId, auditedRepair(id, lanes));
      }
      return answer;
    });
  }

  /** @throws Problem where another state was read than the one that would be repaired. */
  private async mayApply(
    tx: Transaction,
    tenantId: string,
    rows: readonly LaneRow[],
  ): Promise<void> {
    const stop = await pushStop(tx);
    if (stop !== undefined) throw new Problem('service_unavailable', PUSH_STOP_DETAILS[stop]);
    await lockLanesForPush(
      tx,
      tenantId,
      rows.map(({ laneId }) => laneId),
    );
    for (const { laneId, customerId, meter, state } of rows) {
      if ((await laneState(tx, tenantId, laneId)) === state) continue;
      const detail = `${customerId}, ${meter}: pushes were made or settled since; reconcile again`;
      throw new Problem('reconciliation_outdated', detail);
    }
  }
}

/** Where an erasure took what was done out, that something was is all that can be told. */
function nothingLeft(id: string, repairedAt: Micros | null): RepairAnswer {
  const appliedAt = instantOrNull(repairedAt);
  return { reconciliation_id: id, dry_run: false, applied_at: appliedAt, lanes: [] };
}

/** Pushes name their customer; here their identifiers do, which an erasure may leave. */
function auditedRepair(id: string, lanes: readonly RepairLaneAnswer[]): AuditedChange {
  const steps = lanes.flatMap(({ actions }) => actions);
  return {
    action: 'repair.applied',
    subject: `reconciliation:${id}`,
    after: {
      lanes: lanes.length,
      effect: sumOf(lanes.map(({ effect }) => effect)),
      actions: steps
        .filter(({ action }) => action !== 'none')
        .map(({ action, identifier, effect }) => ({ action, identifier, effect })),
    },
  };
}

function laneAnswer(
  { customerId, meter, periodStart, stripeCustomerId, drift }: LaneRow,
  steps: readonly RepairStep[],
  outdated: boolean,
): RepairLaneAnswer {
  return {
    customer_id: customerId,
    meter,
    period_start: formatInstant(periodStart),
    stripe_customer_id: stripeCustomerId,
    outdated,
    drift,
    effect: sumOf(steps.map(({ effect }) => effect)),
    actions: steps.map(({ hour, timestamp, ...step }) => ({
      ...step,
      hour: shown(hour),
      timestamp: shown(timestamp),
    })),
  };
}

function shown(instant: Micros | null): string | null {
  return instantOrNull(instant);
}
