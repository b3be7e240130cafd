import { formatInstantMicros, MICROS_PER_MINUTE, type Micros } from '../../src/domain/instant.js';
import type { UsageEvent } from '../../src/domain/usage-event.js';
import type { Recorder } from '../../src/ledger/recorder.js';
import type { Verdict } from '../../src/ledger/verdict.js';
import type { PeriodCloser } from '../../src/periods/period-closer.js';
import { foldDeltas } from '../../src/usage/fold.js';
import { dayStart, usage, type DailyTenant } from './daily-tenant.js';
import type { SeededRandom } from './seeded-random.js';
import { pause } from './waiting.js';

/** Which close freezes the day: a command's, by its scope, or the own clock's. */
export const CLOSES = ['tenant', 'customer', 'meter', 'customer and meter', 'clock'] as const;
export type CloseKind = (typeof CLOSES)[number];

/** From before a call to after its answer, by performance.now(). */
interface Span {
  readonly from: number;
  readonly to: number;
}

interface Call extends Span {
  readonly events: readonly UsageEvent[];
  readonly verdicts: readonly Verdict[];
}

/** What happened in one round, as its participants saw it. */
export interface RoundHistory {
  readonly day: number;
  readonly kind: CloseKind;
  readonly calls: readonly Call[];
  /** The raising of the mark. */
  readonly close: Span;
}

const WRITERS_PER_RECORDER = 2;
const CALLS_PER_WRITER = 3;

/**
 * One round: two recorders record singles and small batches around the end of a day while a close
 * of that day runs, at delays that the seed decides.
 */
export async function runRound(
  test: DailyTenant,
  recorders: readonly Recorder[],
  closer: PeriodCloser,
  random: SeededRandom,
  day: number,
): Promise<RoundHistory> {
  const end = dayStart(day + 1);
  const kind = random.pick(CLOSES);
  // The first entry comes before the end, or the own clock would take the period for a backfill.
  await setClock(test, end - MICROS_PER_MINUTE);
  const calls = [
    await call(recorders[0]!, test.tenantId, [usage(`day ${day}`, '1', dayStart(day))]),
  ];
  const untilEndMs = random.whole(0, 30);
  await setClock(test, end - untilEndMs * 1_000);

  const writers = recorders.flatMap((recorder, r) =>
    Array.from({ length: WRITERS_PER_RECORDER }, async (_, w) => {
      for (let c = 0; c < CALLS_PER_WRITER; c++) {
        const size = random.pick([1, 1, 2, 5]);
        const events = Array.from({ length: size }, (__, i) =>
          usage(`${day}/${r}/${w}/${c}/${i}`, quantity(random), occurrence(random, day)),
        );
        // Sent again by whoever lost the answer, maybe through the other one.
        if (random.fraction() < 0.2) events.push(random.pick(calls).events[0]!);
        const delayMs = random.whole(0, 20);
        await pause(delayMs);
        calls.push(await call(recorder, test.tenantId, events));
      }
    }),
  );
  const folding = random.fraction() < 0.3 ? foldDeltas(test.db.work, test.tenantId) : undefined;
  // A millisecond more, since the database's clock need not agree with our timers.
  await pause(untilEndMs + 1 + random.whole(0, 25));
  const close = await closeDay(test, closer, kind, end);
  await Promise.all([...writers, folding]);
  return { day, kind, calls, close };
}

async function closeDay(
  { tenantId, subject }: DailyTenant,
  closer: PeriodCloser,
  kind: CloseKind,
  end: Micros,
): Promise<Span> {
  const from = performance.now();
  if (kind === 'clock') {
    await closer.closeByClock(tenantId, () => false);
    return { from, to: performance.now() };
  }
  const close = await closer.begin(tenantId, {
    asOf: end,
    customerNo: kind.startsWith('customer') ? subject.customerNo : 0,
    meterNo: kind.endsWith('meter') ? subject.meterNo : 0,
    byClock: false,
  });
  const to = performance.now();
  await closer.finish(tenantId, close);
  return { from, to };
}

/** Moves the tenant's clock, which goes on from there. */
async function setClock({ db, tenantId }: DailyTenant, now: Micros): Promise<void> {
  const [clock] = await db.work.query<{ real: Micros }>('SELECT clock_timestamp() AS real');
  await db.work.query('UPDATE tenant SET clock_offset_micros = $2 WHERE tenant_id = $1', [
    tenantId,
    now - clock!.real,
  ]);
}

async function call(
  recorder: Recorder,
  tenantId: string,
  events: readonly UsageEvent[],
): Promise<Call> {
  const from = performance.now();
  const verdicts = await recorder.record(tenantId, events);
  return { events, verdicts, from, to: performance.now() };
}

function quantity(random: SeededRandom): string {
  const whole = random.whole(1, 999);
  return random.fraction() < 0.3 ? `${whole}.${'0'.repeat(11)}1` : String(whole);
}

/** Mostly around the end of the day; some the day before, which is closed already. */
function occurrence(random: SeededRandom, day: number): Micros | undefined {
  const start = dayStart(day);
  const end = dayStart(day + 1);
  return random.pick([
    undefined,
    undefined,
    start,
    random.whole(start, end - 1),
    end - 1,
    end - 1,
    end,
    start - 1,
  ]);
}

/**
 * What the participants saw that cannot be: an id accepted twice or never, an event late although it
 * was answered before the close began, or not late although it was sent after the close had begun.
 */
export function contradictions({ day, calls, close }: RoundHistory): string[] {
  const start = dayStart(day);
  const end = dayStart(day + 1);
  const accepted = new Map<string, number>();
  const found: string[] = [];
  for (const { events, verdicts, from, to } of calls) {
    events.forEach(({ usageEventId: id, occurredAt }, i) => {
      const verdict = verdicts[i]!;
      accepted.set(id, (accepted.get(id) ?? 0) + (verdict.status === 'accepted' ? 1 : 0));
      if (verdict.status !== 'accepted') {
        if (verdict.status !== 'duplicate') found.push(`${id} is ${verdict.status}`);
        return;
      }
      const isLate = verdict.late !== undefined;
      if (occurredAt === undefined || occurredAt >= end) {
        if (isLate) found.push(`${id} is late at birth`);
      } else if (occurredAt >= start) {
        if (isLate && to < close.from) found.push(`${id} is late before the close`);
        if (!isLate && from > close.to) found.push(`${id} is not late after the close`);
      }
    });
  }
  for (const [id, times] of accepted) {
    if (times !== 1) found.push(`${id} was accepted ${times} times`);
  }
  return found;
}

export async function idsInLedger({ db, tenantId }: DailyTenant): Promise<string[]> {
  const rows = await db.work.query<{ id: string }>(
    `SELECT u.usage_event_id AS id FROM usage_entry e
       JOIN usage_event u USING (tenant_id, event_key) WHERE tenant_id = $1`,
    [tenantId],
  );
  return rows.map(({ id }) => id);
}

/** Every statement but the digest and the count in one number: what the customer was billed. */
export async function billed({ db, tenantId }: DailyTenant, until: Micros): Promise<string> {
  const [row] = await db.work.query<{ value: string }>(
    `SELECT trim_scale(sum(value))::text AS value FROM billing_period
      WHERE tenant_id = $1 AND period_end <= $2::timestamptz AND closed_at IS NOT NULL`,
    [tenantId, formatInstantMicros(until)],
  );
  return row!.value;
}
