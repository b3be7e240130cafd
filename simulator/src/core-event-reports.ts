import type { Account } from './account.js';
import { emitThin, thinEventId } from './core-event-emit.js';
import type { RejectedEvent } from './event-log.js';
import type { World } from './world.js';

/** As in Stripe's samples; nothing says that it is a rule. */
const WINDOW_MS = 10_000;
/** From the end of a window to its events, as in Stripe's samples. */
const DELAY_MS = 2000;

/** Notes an event that got its 200 and never counts, and plans the report about it. */
export function rejectEvent(world: World, account: Account, event: RejectedEvent): void {
  account.events.rejected.push(event);
  const start = Math.floor(event.rejectedAtMs / WINDOW_MS) * WINDOW_MS;
  const { reportWindows } = account;
  if (event.silent || reportWindows.has(start)) return;
  reportWindows.add(start);
  const dueMs = start + WINDOW_MS + DELAY_MS;
  world.clock.at(dueMs, () => {
    reportWindows.delete(start);
    report(world, account, start, dueMs);
  });
}

/** One thin event per meter, and one for all names without a meter. */
function report(world: World, account: Account, start: number, atMs: number): void {
  const byMeter = new Map<string | null, RejectedEvent[]>();
  for (const event of account.events.rejected) {
    const { rejectedAtMs, meterId, silent } = event;
    if (silent || rejectedAtMs < start || rejectedAtMs >= start + WINDOW_MS) continue;
    const group = byMeter.get(meterId);
    if (group) group.push(event);
    else byMeter.set(meterId, [event]);
  }
  for (const [meterId, events] of byMeter) {
    const about = meterId === null ? aboutNoMeter(world) : aboutMeter(meterId);
    const event = {
      id: thinEventId(world, account),
      object: 'v2.core.event' as const,
      livemode: account.livemode,
      created: new Date(atMs).toISOString(),
      context: null,
      reason: null,
      ...about,
      data: reportData(world, start, events),
    };
    emitThin(world, account, event, atMs);
  }
}

function aboutMeter(id: string) {
  const related = { id, type: 'billing.meter', url: `/v1/billing/meters/${id}` };
  return { type: 'v1.billing.meter.error_report_triggered', related_object: related };
}

function aboutNoMeter(world: World) {
  const type = 'v1.billing.meter.no_meter_found';
  return world.switches.noMeterRelatedObject === 'absent' ? { type } : { type, related_object: {} };
}

/** Counts all, shows some: Stripe never lists every failing event. */
function reportData(world: World, start: number, events: readonly RejectedEvent[]): object {
  const byCode = new Map<string, RejectedEvent[]>();
  for (const event of events) byCode.set(event.code, [...(byCode.get(event.code) ?? []), event]);
  const types = [...byCode].map(([code, failed]) => ({
    code,
    error_count: failed.length,
    sample_errors: failed.slice(0, world.switches.reportSampleLimit).map((event) => ({
      error_message: event.message,
      request: requestOf(world, event),
    })),
  }));
  const count = events.length;
  return {
    developer_message_summary:
      count === 1 ? 'There is 1 invalid event' : `There are ${count} invalid events`,
    reason: { error_count: count, error_types: types },
    validation_end: new Date(start + WINDOW_MS).toISOString(),
    validation_start: new Date(start).toISOString(),
  };
}

function requestOf(world: World, { identifier, idempotencyKey }: RejectedEvent): object {
  switch (world.switches.reportRequest) {
    case 'identifier':
      return { identifier };
    case 'identifier_is_key':
      return { identifier: idempotencyKey ?? '' };
    case 'id_and_key':
      // The request id is empty in Stripe's sample too.
      return { id: '', idempotency_key: idempotencyKey ?? '' };
  }
}
