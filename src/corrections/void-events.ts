import type { Transaction } from '../database/connections.js';
import type { GateState } from '../database/gate.js';
import { difference } from '../domain/decimal-arithmetic.js';
import { formatInstant } from '../domain/instant.js';
import { isAdditive } from '../domain/meter.js';
import { insertVoids, isInPlace } from '../ledger/void-entry.store.js';
import { placeVoids, type PlacedVoid } from '../ledger/void-placer.js';
import type { VoidEffect } from '../ledger/void.store.js';
import { voidTargets } from '../ledger/void-target.store.js';
import { holdFolds } from '../usage/fold.js';
import { recountGroups } from '../usage/recount-groups.js';
import { requireEventsInLedger } from './gone-usage.store.js';
import { followPushes } from './follow-pushes.store.js';
import { valuesAfter } from './void-values.js';

export interface VoidSettings {
  readonly tenantId: string;
  readonly graceSeconds: number;
  /** Whether the transaction has the gate to itself. */
  readonly alone: boolean;
}

/**
 * Takes events out of everything that they count in, by ledger entries of their own.
 *
 * The transaction is behind the gate. It has it to itself where one of the meters takes a maximum,
 * the last or distinct values: what is left of them is found by a scan, which an entry that commits
 * meanwhile would not be in.
 *
 * Somebody else may void one of them meanwhile: whoever writes the record of the void last is refused.
 *
 * @param eventKeys Of recorded events that were not voided.
 * @returns The effects of each event.
 * @throws Problem `ledger_month_missing`
 */
export async function voidEvents(
  tx: Transaction,
  gate: GateState,
  { tenantId, graceSeconds, alone }: VoidSettings,
  eventKeys: readonly string[],
): Promise<Map<string, VoidEffect[]>> {
  await requireEventsInLedger(tx, tenantId, eventKeys);
  const targets = [...(await voidTargets(tx, tenantId, eventKeys)).values()].flat();
  const placed = await placeVoids(tx, tenantId, targets, gate, graceSeconds);
  const byEvent = new Map<string, PlacedVoid[]>(eventKeys.map((key) => [key, []]));
  for (const each of placed) byEvent.get(each.target.eventKey)!.push(each);

  const effects = new Map<string, VoidEffect[]>();
  const adding: PlacedVoid[] = [];
  const others: (readonly PlacedVoid[])[] = [];
  for (const [eventKey, own] of byEvent) {
    if (own.every(({ target }) => isAdditive(target.aggregation))) {
      adding.push(...own);
      effects.set(eventKey, own.map(additiveEffect));
    } else others.push(own);
  }
  await insertVoids(tx, tenantId, adding, gate.receivedAt);
  if (others.length > 0) {
    if (!alone) throw new Error('such a void needs the gate to itself');
    await holdFolds(tx, tenantId);
    // One by one, since what each changes depends on those before it.
    for (const own of others) {
      effects.set(own[0]!.target.eventKey, await voidOne(tx, tenantId, own, gate));
    }
  }
  await followPushes(tx, tenantId, placed);
  return effects;
}

async function voidOne(
  tx: Transaction,
  tenantId: string,
  placed: readonly PlacedVoid[],
  gate: GateState,
): Promise<VoidEffect[]> {
  const scanned = placed.filter(({ target }) => target.billable && !isAdditive(target.aggregation));
  const before = await valuesAfter(tx, tenantId, scanned);
  await insertVoids(tx, tenantId, placed, gate.receivedAt);
  const recounted = placed.filter(
    (each) => isInPlace(each) && !isAdditive(each.target.aggregation),
  );
  await recountGroups(
    tx,
    tenantId,
    recounted.map(({ target }) => target),
  );
  const after = await valuesAfter(tx, tenantId, scanned);
  return placed.map((each) => {
    const at = scanned.indexOf(each);
    return at === -1 ? additiveEffect(each) : effectOf(each, difference(after[at]!, before[at]!));
  });
}

function additiveEffect(placed: PlacedVoid): VoidEffect {
  const { billable, aggregation, quantity } = placed.target;
  if (!billable) return effectOf(placed, '0');
  return effectOf(placed, difference('0', aggregation === 'count' ? '1' : quantity));
}

function effectOf({ target, kind, periodStart }: PlacedVoid, value: string): VoidEffect {
  return { meter: target.meter, period_start: formatInstant(periodStart), kind, value };
}
