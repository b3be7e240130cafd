import type { Transaction } from '../database/connections.js';
import type { Micros } from '../domain/instant.js';
import {
  changeStatus,
  parkLane,
  type ChangedPush,
  type StatusChange,
} from '../outbox/change-status.store.js';
import { addWorkOfPushes } from '../outbox/push-work.store.js';
import { forgetReading, type DueReading } from './push-reading.store.js';
import type { Verdict } from './push-reading.js';

/** Why a push that Stripe took is found not counted, where no report says it. */
const NOT_COUNTED = 'not_counted';

/** Writes down what reading showed of a push, unless it has moved on meanwhile. */
export async function settleReading(
  tx: Transaction,
  tenantId: string,
  reading: DueReading,
  verdict: Verdict,
  at: Micros,
): Promise<void> {
  const { identifier, status, transitionNo } = reading;
  const seen = { identifier, transitionNo, from: status, by: 'reading', at } as const;
  if (verdict === 'counted') {
    const to = status === 'unknown' ? 'delivered' : 'confirmed';
    if (status === to) return forgetReading(tx, tenantId, identifier);
    await changeStatus(tx, tenantId, { ...seen, to, reason: 'read_back', replaced: false });
    return;
  }
  if (status === 'unknown') {
    // A total that a later one stands above by now: what became of it says nothing any more.
    if (verdict !== 'not_counted') return forgetReading(tx, tenantId, identifier);
    await addWorkOfPushes(tx, tenantId, [identifier], false);
    await reject(tx, tenantId, { ...seen, reason: 'not_delivered', replaced: true });
    return;
  }
  if (reading.isOutdated && status !== 'disputed') return forgetReading(tx, tenantId, identifier);
  await refuse(tx, tenantId, reading, at);
}

/** Stripe took it and did not count it: for a reason that it gave, or for none. */
async function refuse(
  tx: Transaction,
  tenantId: string,
  { identifier, status, transitionNo, code, isOutdated }: DueReading,
  at: Micros,
): Promise<void> {
  const reason = code ?? NOT_COUNTED;
  const seen = { identifier, by: 'reading', reason, at } as const;
  await addWorkOfPushes(tx, tenantId, [identifier], false);
  let disputedNo: number | undefined = transitionNo;
  if (status !== 'disputed') {
    const change = { ...seen, transitionNo, from: status, to: 'disputed' } as const;
    disputedNo = (await changeStatus(tx, tenantId, { ...change, replaced: false }))?.transitionNo;
  }
  if (disputedNo === undefined) return;
  // A reason that Stripe gave stands until something is repaired; its value is held till then.
  const isParked = code !== null && !isOutdated;
  const rejected = await reject(tx, tenantId, {
    ...seen,
    transitionNo: disputedNo,
    from: 'disputed',
    replaced: !isParked,
  });
  if (rejected !== undefined && isParked) await parkLane(tx, tenantId, rejected.laneId, code, at);
}

/** Once its period is to be planned anew. */
function reject(
  tx: Transaction,
  tenantId: string,
  change: Omit<StatusChange, 'to'>,
): Promise<ChangedPush | undefined> {
  return changeStatus(tx, tenantId, { ...change, to: 'rejected' });
}
