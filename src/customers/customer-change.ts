import {
  DEFAULT_SCHEDULE,
  periodInTimeline,
  type Schedule,
  type ScheduleTimeline,
} from '../domain/billing-period.js';
import type { Micros } from '../domain/instant.js';
import type { MappingChange } from '../domain/mapping-change.js';
import type { PushMode } from '../domain/meter.js';
import { Problem } from '../problem/problem.js';
import type { BillingFacts } from './billing-facts.store.js';
import type { CustomerRecord } from './customer-record.store.js';
import { isSameSchedule, latestSchedule, type ScheduleVersion } from './schedule-timeline.js';

/** What a PUT names: absent keeps its value, null clears it. */
export interface CustomerChange {
  readonly customerId: string;
  readonly name?: string | null | undefined;
  readonly aliases?: readonly string[] | null | undefined;
  readonly stripeCustomerId?: string | null | undefined;
  readonly push?: PushMode | null | undefined;
  readonly schedule?: Schedule | null | undefined;
  /** Needed where the Stripe mapping changes after open periods were pushed. */
  readonly from?: MappingChange | null | undefined;
}

/** The plain settings of a customer. */
export type CustomerSettings = Pick<
  CustomerRecord,
  'name' | 'aliases' | 'stripeCustomerId' | 'mappingFrom' | 'push'
>;

export function changedSettings(
  current: CustomerSettings | undefined,
  change: CustomerChange,
): CustomerSettings {
  const { customerId, name, aliases, push } = change;
  const before = current?.stripeCustomerId ?? null;
  const stripeCustomerId = change.stripeCustomerId === undefined ? before : change.stripeCustomerId;
  return {
    name: name === undefined ? (current?.name ?? null) : name,
    aliases: aliases === undefined ? (current?.aliases ?? []) : toAliases(aliases, customerId),
    stripeCustomerId,
    mappingFrom: (stripeCustomerId === before ? current?.mappingFrom : change.from) ?? null,
    push: push === undefined ? (current?.push ?? null) : push,
  };
}

export function isSameSettings(one: CustomerSettings, other: CustomerSettings): boolean {
  return (
    one.name === other.name &&
    one.stripeCustomerId === other.stripeCustomerId &&
    one.push === other.push &&
    one.aliases.length === other.aliases.length &&
    one.aliases.every((alias) => other.aliases.includes(alias))
  );
}

/**
 * The version that a change of schedule makes: from the beginning where nothing was billed yet,
 * else from the end of the open period, or of the last one that already has usage.
 *
 * @param now The tenant's now, or how far closes have come where its clock was set back.
 * @returns Nothing where the schedule is the same.
 */
export function scheduleVersion(
  timeline: ScheduleTimeline,
  { schedule }: CustomerChange,
  facts: BillingFacts,
  now: Micros,
): ScheduleVersion | undefined {
  if (schedule === undefined) return undefined;
  const asked = schedule ?? DEFAULT_SCHEDULE;
  if (isSameSchedule(latestSchedule(timeline).schedule, asked)) return undefined;
  if (!facts.hasClosedPeriod && !facts.hasDelivery) return { ...asked, effectiveFrom: 0 };
  const openPeriodEnd = periodInTimeline(timeline, now).end;
  return { ...asked, effectiveFrom: Math.max(openPeriodEnd, facts.lastPeriodEnd ?? 0) };
}

/** @throws Problem where usage was pushed under the mapping and it is not said what becomes of it. */
export function refuseRemapping(
  current: CustomerSettings,
  next: CustomerSettings,
  change: CustomerChange,
  facts: BillingFacts,
): void {
  if (current.stripeCustomerId === next.stripeCustomerId || change.from != null) return;
  if (!facts.hasOpenDelivery) return;
  throw new Problem(
    'mapping_in_use',
    `usage of open periods was pushed to ${current.stripeCustomerId}: send "from"`,
  );
}

/** The id itself needs no alias. */
function toAliases(aliases: readonly string[] | null, customerId: string): string[] {
  return [...new Set(aliases)].filter((alias) => alias !== customerId).sort();
}
