import { Big } from 'big.js';
import type { Account } from './account.js';
import { HOUR_SECONDS, visibleAt } from './aggregation.js';
import type { CountedEvent } from './event-log.js';
import type { World } from './world.js';

/** A counted event as the oracle tells it; members are named as on the wire. */
export interface LedgerEntry {
  /** Rises by one with each event counted, over all accounts. */
  receipt: number;
  account: string;
  livemode: boolean;
  event_name: string;
  meter: string;
  customer: string;
  identifier: string;
  idempotency_key: string | null;
  request_id: string;
  /** As the client sent it. */
  value: string;
  /** Unix seconds. */
  timestamp: number;
  /** RFC 3339 with milliseconds, virtual clock. */
  received_at: string;
  /** Whether summaries show it by now. */
  aggregated: boolean;
  cancelled: boolean;
  /** Whether summaries count it now: aggregated, and not cancelled with effect. */
  in_summaries: boolean;
  /** Ordered over the oracle: no event of the client. */
  foreign: boolean;
  /** Requests that arrived for it, answered or not. */
  attempts: number;
}

/** An event that got a 200 and never counts. */
export interface RejectionEntry {
  account: string;
  livemode: boolean;
  event_name: string;
  meter: string | null;
  identifier: string;
  idempotency_key: string | null;
  request_id: string;
  received_at: string;
  /** When Stripe found the error, RFC 3339. */
  rejected_at: string;
  /** Whether no error report tells of it. */
  silent: boolean;
  code: string;
  message: string;
}

export interface LedgerFilter {
  account?: string;
  event_name?: string;
  customer?: string;
  /** Only receipts above this one. */
  after?: number;
  limit?: number;
}

/** The exact usage of one customer in one UTC hour, cancelled events left out. */
export interface HourTotal {
  account: string;
  livemode: boolean;
  event_name: string;
  customer: string;
  /** Unix seconds. */
  hour_start: number;
  /** The exact sum of all values, whatever the formula of the meter. */
  total: string;
  events: number;
}

/** Every counted event in order of receipt. */
export function ledgerOf(world: World, filter: LedgerFilter = {}): LedgerEntry[] {
  const nowMs = world.clock.nowMs();
  const entries = matching(world, filter).map(({ account, event }) =>
    toLedgerEntry(account, event, nowMs),
  );
  entries.sort((left, right) => left.receipt - right.receipt);
  return filter.limit === undefined ? entries : entries.slice(0, filter.limit);
}

export function rejectionsOf(world: World): RejectionEntry[] {
  return world.accounts.all().flatMap((account) =>
    account.events.rejected.map((event) => ({
      account: account.id,
      livemode: account.livemode,
      event_name: event.eventName,
      meter: event.meterId,
      identifier: event.identifier,
      idempotency_key: event.idempotencyKey,
      request_id: event.requestId,
      received_at: new Date(event.receivedAtMs).toISOString(),
      rejected_at: new Date(event.rejectedAtMs).toISOString(),
      silent: event.silent,
      code: event.code,
      message: event.message,
    })),
  );
}

/** What Stripe holds, aggregated yet or not: the truth to compare a client's books with. */
export function totalsOf(world: World, filter: LedgerFilter = {}): HourTotal[] {
  const sums = new Map<string, HourTotal & { sum: Big }>();
  for (const { account, event } of matching(world, filter)) {
    if (event.cancelled) continue;
    const { eventName, customer } = event;
    const hourStart = Math.floor(event.timestamp / HOUR_SECONDS) * HOUR_SECONDS;
    const key = JSON.stringify([account.scope, eventName, customer, hourStart]);
    const known = sums.get(key);
    if (known) {
      known.sum = known.sum.plus(event.value);
      known.events += 1;
    } else {
      const of = { account: account.id, livemode: account.livemode, event_name: eventName };
      const hour = { ...of, customer, hour_start: hourStart, total: '', events: 1 };
      sums.set(key, { ...hour, sum: event.value });
    }
  }
  return [...sums.values()].map(({ sum, ...hour }) => ({ ...hour, total: sum.toFixed() }));
}

function matching(world: World, filter: LedgerFilter) {
  const { after = 0 } = filter;
  return world.accounts
    .all()
    .filter((account) => filter.account === undefined || account.id === filter.account)
    .flatMap((account) => account.events.counted.map((event) => ({ account, event })))
    .filter(({ event }) => {
      if (filter.event_name !== undefined && event.eventName !== filter.event_name) return false;
      if (filter.customer !== undefined && event.customer !== filter.customer) return false;
      return event.receipt > after;
    });
}

export function toLedgerEntry(account: Account, event: CountedEvent, nowMs: number): LedgerEntry {
  return {
    receipt: event.receipt,
    account: account.id,
    livemode: account.livemode,
    event_name: event.eventName,
    meter: event.meterId,
    customer: event.customer,
    identifier: event.identifier,
    idempotency_key: event.idempotencyKey,
    request_id: event.requestId,
    value: event.valueText,
    timestamp: event.timestamp,
    received_at: new Date(event.receivedAtMs).toISOString(),
    aggregated: event.aggregatedAtMs <= nowMs,
    cancelled: event.cancelled,
    in_summaries: visibleAt([event], nowMs).length > 0,
    foreign: event.foreign,
    attempts: account.attempts.of(event.identifier, event.idempotencyKey),
  };
}
