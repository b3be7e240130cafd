import type { Queryable } from '../database/connections.js';
import { MICROS_PER_HOUR, type Micros } from '../domain/instant.js';
import { formOfLane, usedTimestamps } from '../outbox/extra-push.store.js';
import { isArrived, isUnsettled } from './delta-reading.js';
import { pushesBetween, type LanePush } from './lane.store.js';
import type { LaneRow } from './reconciliation-lane.store.js';
import { planRepair, type RepairStep } from './repair-plan.js';

/** Reads what a plan needs to know beside what was found, and makes it. */
export async function planOfLane(
  db: Queryable,
  tenantId: string,
  row: LaneRow,
  now: Micros,
): Promise<RepairStep[]> {
  const from = floorHour(row.periodStart);
  const to = floorHour(row.periodEnd) + MICROS_PER_HOUR;
  const pushes = await pushesBetween(db, tenantId, row, from, to);
  const own = pushes.filter((push) => push.laneId === row.laneId);
  const form = await formOfLane(db, tenantId, row.laneId);
  if (form === undefined) return [];
  const repairs = own.filter(
    ({ purpose, status }) => purpose === 'repair' && status !== 'rejected',
  );
  return planRepair({
    kind: own.some(({ kind }) => kind === 'total') ? 'total' : 'delta',
    isPushedTo: row.isPushedTo,
    isUnsettled: isUnsettledAfter(own),
    ours: row.ours ?? '0',
    stripe: row.stripe ?? '0',
    periodStart: row.periodStart,
    periodEnd: row.periodEnd,
    now,
    differences: row.differences ?? [],
    repairs: repairs.map(({ timestamp, value }) => ({ hour: floorHour(timestamp), value })),
    used: await usedTimestamps(db, tenantId, row, form.eventName, { from, to }),
  });
}

/** Whether what was told last may still change what Stripe holds. */
function isUnsettledAfter(own: readonly LanePush[]): boolean {
  const arrived = Math.max(0, ...own.filter(isArrived).map(({ sequence }) => sequence));
  return own.some(
    (push) => push.sequence > arrived && (push.status === 'pending' || isUnsettled(push)),
  );
}

function floorHour(instant: Micros): Micros {
  return Math.floor(instant / MICROS_PER_HOUR) * MICROS_PER_HOUR;
}
