import type { Transaction } from '../database/connections.js';
import { readGate } from '../database/gate.js';
import { MICROS_PER_SECOND, type Micros } from '../domain/instant.js';
import { carryIntoClosed, carryIntoOpen } from './carry-over.store.js';
import { FollowingPeriods } from './following-periods.js';

/** A closed period of a meter with carry_last, and what it has come to. */
export interface CarryingStatement {
  readonly customerNo: number;
  readonly meterNo: number;
  readonly periodEnd: Micros;
  readonly backfilled: boolean;
  readonly value: string;
  /** Whether it holds what opens the period after it: usage, or what was carried into it. */
  readonly holds: boolean;
}

/**
 * The periods after closed ones begin with what those came to, used or not: one that is not stored is
 * opened, one that is closed is amended where that changes it.
 *
 * @param closing Through when a close at work closes anyway; nothing where none is.
 */
export async function carryOver(
  tx: Transaction,
  tenantId: string,
  closed: readonly CarryingStatement[],
  { graceSeconds, closing }: { readonly graceSeconds: number; readonly closing: Micros | null },
): Promise<void> {
  if (closed.length === 0) return;
  const following = await FollowingPeriods.of(tx, tenantId, closed);
  const gate = await readGate(tx, tenantId);
  const backfilledThrough = Math.max(
    gate.clockClosedThrough,
    gate.now - graceSeconds * MICROS_PER_SECOND,
  );
  const next = closed.map(({ periodEnd, backfilled, ...carried }) => {
    const period = following.after(carried, periodEnd);
    // What follows an import waits for a command with it; what follows a clock's close does not.
    return {
      ...carried,
      ...period,
      backfilled: backfilled && period.end <= backfilledThrough,
    };
  });
  await carryIntoOpen(tx, tenantId, next);
  await carryIntoClosed(tx, tenantId, next, { at: gate.receivedAt, closing });
}
