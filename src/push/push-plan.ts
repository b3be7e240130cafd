import { difference, sumOf } from '../domain/decimal-arithmetic.js';
import type { Micros } from '../domain/instant.js';
import { isRepresentable, splitDecimal } from '../domain/split-decimal.js';
import { takesValue, type ValueRule } from '../domain/value-rule.js';
import type { HoldReason } from '../outbox/hold-reason.js';
import type { FreeMinutes } from '../outbox/free-minutes.js';
import {
  isHourTooOld,
  isPeriodTooOld,
  totalTimestamp,
  type PushWindow,
} from '../outbox/push-window.js';

const WHOLE_NUMBERS = 'the push target takes whole numbers above zero alone';

export interface PlannedPush {
  readonly kind: 'delta' | 'total';
  /** NULL where it carries the whole period's usage. */
  readonly hour: Micros | null;
  readonly value: string;
  readonly timestamp: Micros;
}

export interface PlannedHold {
  readonly reason: HoldReason;
  readonly kind: 'delta' | 'total';
  /** What of the period is not pushed for this reason. */
  readonly value: string;
  readonly detail: string | null;
}

export interface PushPlan {
  readonly pushes: readonly PlannedPush[];
  readonly holds: readonly PlannedHold[];
}

/** What stands in the way of everything that is not too old. */
export interface Obstacle {
  readonly reason: HoldReason;
  readonly detail?: string | undefined;
}

/** What an hour owes. */
export interface OwedHour {
  readonly hour: Micros;
  /** Its usage less what its lane has been given; never zero. */
  readonly value: string;
  /** What of that rejected pushes carry: it is not held beside them. */
  readonly rejectedValue: string;
}

/** What a period owes as a whole, in deltas. */
export interface OwedDelta {
  readonly value: string;
  readonly rejectedValue: string;
  /** The latest hour with usage. */
  readonly latestHour: Micros;
}

/** What a period comes to, and what its lane was told. */
export interface OwedTotal {
  readonly value: string;
  /** 0 where it was told nothing. */
  readonly toldValue: string;
  /** What the lane was told and has refused since; as `toldValue` where nothing. */
  readonly refusedValue: string;
  readonly previousTimestamp: Micros | undefined;
  /** Stripe may hold another value that was told later: told again, this one stands. */
  readonly isUncertain: boolean;
}

/** Usage that is pushed by the hour. */
export function planHours(
  window: PushWindow,
  owed: readonly OwedHour[],
  obstacle: Obstacle | undefined,
  minutes: FreeMinutes,
  values: ValueRule = 'decimal',
): PushPlan {
  const holds = new Holds('delta', values);
  const pushes: PlannedPush[] = [];
  for (const { hour, value, rejectedValue } of owed) {
    const unpushed = difference(value, rejectedValue);
    if (isHourTooOld(window, hour)) holds.add('too_old', unpushed);
    else if (obstacle !== undefined) holds.add(obstacle.reason, unpushed, obstacle.detail);
    else pushes.push(...planDelta(hour, hour, value, minutes, holds));
  }
  return { pushes, holds: holds.list() };
}

/** A period's value that is pushed as deltas of the whole. */
export function planPeriodDelta(
  window: PushWindow,
  owed: OwedDelta,
  obstacle: Obstacle | undefined,
  minutes: FreeMinutes,
  values: ValueRule = 'decimal',
): PushPlan {
  const holds = new Holds('delta', values);
  const pushes: PlannedPush[] = [];
  const unpushed = difference(owed.value, owed.rejectedValue);
  if (owed.value === '0') return { pushes, holds: [] };
  if (isPeriodTooOld(window)) holds.add('too_old', unpushed);
  else if (obstacle !== undefined) holds.add(obstacle.reason, unpushed, obstacle.detail);
  else pushes.push(...planDelta(null, owed.latestHour, owed.value, minutes, holds));
  return { pushes, holds: holds.list() };
}

/** A period's value that is pushed as it stands. */
export function planTotal(
  window: PushWindow,
  owed: OwedTotal,
  obstacle: Obstacle | undefined,
  values: ValueRule = 'decimal',
): PushPlan {
  const { value } = owed;
  const holds = new Holds('total', values);
  const pushes: PlannedPush[] = [];
  const rest = difference(value, owed.refusedValue);
  if (value === owed.toldValue && !owed.isUncertain) return { pushes, holds: [] };
  if (isPeriodTooOld(window)) holds.add('too_old', rest);
  else if (obstacle !== undefined) holds.add(obstacle.reason, rest, obstacle.detail);
  else if (!isRepresentable(value)) holds.add('value_not_representable', rest);
  else if (!holds.takes(value)) holds.add('value_not_accepted', rest, WHOLE_NUMBERS);
  else {
    const timestamp = totalTimestamp(window, owed.previousTimestamp);
    if (timestamp === 'none') holds.add('no_free_minute', rest);
    else if (timestamp !== 'wait') pushes.push({ kind: 'total', hour: null, value, timestamp });
  }
  return { pushes, holds: holds.list() };
}

/** One delta, as many rows as its digits need, each alone in its minute. */
function planDelta(
  hour: Micros | null,
  near: Micros,
  value: string,
  minutes: FreeMinutes,
  holds: Holds,
): PlannedPush[] {
  const parts = splitDecimal(value);
  if (parts === undefined) {
    holds.add('value_not_representable', value);
    return [];
  }
  if (!parts.every((part) => holds.takes(part))) {
    holds.add('value_not_accepted', value, WHOLE_NUMBERS);
    return [];
  }
  const pushes: PlannedPush[] = [];
  for (const part of parts) {
    const timestamp = minutes.take(near);
    if (timestamp === 'wait') break;
    if (timestamp === 'none') holds.add('no_free_minute', part);
    else pushes.push({ kind: 'delta', hour, value: part, timestamp });
  }
  return pushes;
}

class Holds {
  private readonly values = new Map<HoldReason, { value: string; detail: string | null }>();

  constructor(
    private readonly kind: 'delta' | 'total',
    private readonly rule: ValueRule,
  ) {}

  /** Whether the target takes a value at all. */
  takes(value: string): boolean {
    return takesValue(this.rule, value);
  }

  add(reason: HoldReason, value: string, detail: string | null = null): void {
    const held = this.values.get(reason);
    this.values.set(reason, { value: sumOf([held?.value ?? '0', value]), detail });
  }

  /** Hours may cancel each other out. */
  list(): PlannedHold[] {
    return [...this.values]
      .filter(([, { value }]) => value !== '0')
      .map(([reason, held]) => ({ reason, kind: this.kind, ...held }));
  }
}
