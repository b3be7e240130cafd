import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MICROS_PER_HOUR, MICROS_PER_MINUTE, parseInstant } from '../../src/domain/instant.js';
import { FreeMinutes } from '../../src/outbox/free-minutes.js';
import type { PushWindow } from '../../src/outbox/push-window.js';

const MINUTE = MICROS_PER_MINUTE;
const DAY = 24 * MICROS_PER_HOUR;

function at(time: string): number {
  const instant = parseInstant(`2026-11-05T${time}Z`);
  if (instant === undefined) throw new Error(`not a time of day: ${time}`);
  return instant;
}

/** Minutes of the clock from one on, up to another. */
function minutes(from: string, before: string): number[] {
  const list = [];
  for (let minute = at(`${from}:00`); minute < at(`${before}:00`); minute += MINUTE) {
    list.push(minute);
  }
  return list;
}

const closed: PushWindow = {
  start: at('10:00:00'),
  end: at('12:00:00'),
  closed: true,
  now: at('12:30:00'),
};
const open: PushWindow = { ...closed, closed: false, now: at('11:30:20') };

const take = (window: PushWindow, used: readonly number[], hour: string) =>
  new FreeMinutes(window, new Set(used)).take(at(hour));

describe('a minute of a closed period', () => {
  it('is the first of its hour, then the next, and never one that others have', () => {
    const free = new FreeMinutes(closed, new Set([at('11:01:00')]));
    expect(free.take(at('11:00:00'))).toBe(at('11:00:00'));
    expect(free.take(at('11:00:00'))).toBe(at('11:02:00'));
    expect(free.take(at('11:00:00'))).toBe(at('11:03:00'));
  });

  it('is written down for whoever shares the minutes', () => {
    const used = new Set<number>();
    new FreeMinutes(closed, used).take(at('11:00:00'));
    expect([...used]).toEqual([at('11:00:00')]);
  });

  it('is a whole one, from the first to the last of the period', () => {
    const ragged = { ...closed, start: at('10:00:00.000001'), end: at('11:59:59.999999') };
    expect(take(ragged, [], '10:00:00')).toBe(at('10:01:00'));
    expect(take(ragged, minutes('10:00', '11:58'), '10:00:00')).toBe(at('11:58:00'));
    expect(take(ragged, minutes('10:01', '11:59'), '10:00:00')).toBe('none');
    expect(take(closed, minutes('10:00', '11:59'), '10:00:00')).toBe(at('11:59:00'));
    expect(take(closed, minutes('10:00', '12:00'), '10:00:00')).toBe('none');
  });

  it('is the last of the hour, before one of the next hour', () => {
    expect(take(closed, minutes('10:00', '10:59'), '10:00:00')).toBe(at('10:59:00'));
    expect(take(closed, minutes('10:00', '11:00'), '10:00:00')).toBe(at('11:00:00'));
  });

  it('is the nearest later one where the hour is full, then the nearest earlier one', () => {
    expect(take(closed, minutes('11:00', '11:59'), '11:00:00')).toBe(at('11:59:00'));
    expect(take(closed, minutes('11:00', '12:00'), '11:00:00')).toBe(at('10:59:00'));
    expect(take(closed, minutes('10:01', '12:00'), '11:00:00')).toBe(at('10:00:00'));
  });

  it('is not ahead of now, which may be before the end of one that was closed early', () => {
    const early = { ...closed, now: at('11:10:59') };
    expect(take(early, minutes('11:00', '11:10'), '11:00:00')).toBe(at('11:10:00'));
    expect(take(early, minutes('11:00', '11:11'), '11:00:00')).toBe(at('10:59:00'));
  });

  it('is not older than 34 days', () => {
    const old = { ...closed, now: at('11:58:00') + 34 * DAY };
    expect(take(old, [], '11:00:00')).toBe(at('11:58:00'));
    expect(take({ ...old, now: old.now + 1 }, [], '11:00:00')).toBe(at('11:59:00'));
    expect(take({ ...old, now: old.now + MINUTE + 1 }, [], '11:00:00')).toBe('none');
  });
});

describe('a minute of an open period', () => {
  it('is not ahead of now', () => {
    expect(take(open, minutes('11:00', '11:30'), '11:00:00')).toBe(at('11:30:00'));
  });

  it('is waited for where the hour will have one that is not kept for the close', () => {
    expect(take(open, minutes('11:00', '11:31'), '11:00:00')).toBe('wait');
    const late = { ...open, now: at('11:53:59.999999') };
    expect(take(late, minutes('11:00', '11:54'), '11:00:00')).toBe('wait');
    const tooLate = { ...open, now: at('11:54:00') };
    expect(take(tooLate, minutes('11:00', '11:55'), '11:00:00')).toBe(at('10:59:00'));
  });

  it('is not waited for where the hour is over', () => {
    expect(take(open, minutes('10:00', '11:00'), '10:00:00')).toBe(at('11:00:00'));
    const justOver = { ...open, now: at('10:58:59') };
    expect(take(justOver, minutes('10:00', '10:59'), '10:00:00')).toBe('wait');
    const over = { ...open, now: at('10:59:00') };
    expect(take(over, minutes('10:01', '11:00'), '10:00:00')).toBe(at('10:00:00'));
    expect(take(over, minutes('10:00', '11:00'), '10:00:00')).toBe('none');
  });

  it('is none of the last five minutes while there is another', () => {
    const over = { ...open, now: at('12:10:00') };
    expect(take(over, minutes('11:00', '11:54'), '11:00:00')).toBe(at('11:54:00'));
    expect(take(over, minutes('11:00', '11:55'), '11:00:00')).toBe(at('10:59:00'));
    expect(take(over, minutes('10:00', '11:55'), '11:00:00')).toBe(at('11:55:00'));
    expect(take(over, minutes('10:00', '11:59'), '11:00:00')).toBe(at('11:59:00'));
    expect(take(over, minutes('10:00', '12:00'), '11:00:00')).toBe('none');
  });

  it('is not waited for in an hour of which the period has the last five minutes alone', () => {
    // Usage may be told of up to some minutes ahead, so of an hour that has not begun.
    const end = at('12:05:00');
    expect(take({ ...open, end, now: at('11:50:00') }, [], '12:00:00')).toBe(at('11:50:00'));
    const longer = { ...open, end: end + MINUTE, now: at('11:50:00') };
    expect(take(longer, [], '12:00:00')).toBe('wait');
  });

  it('is not waited for in an hour of which the period begins too late for it', () => {
    const short = { ...open, start: at('11:56:00.5'), end: at('12:02:00'), now: at('11:56:30') };
    expect(take(short, [], '11:00:00')).toBe('none');
    expect(take({ ...short, start: at('11:56:00') }, [], '11:00:00')).toBe(at('11:56:00'));
  });
});

describe('the minute that is taken', () => {
  const place = fc
    .record({
      start: fc.integer({ min: 0, max: 90 * 60 }),
      length: fc.integer({ min: 1, max: 150 * 60 }),
      sinceEnd: fc.integer({ min: -60 * 60, max: 60 * 60 }),
      daysAfter: fc.constantFrom(0, 0, 0, 34),
      isClosed: fc.boolean(),
    })
    .map(({ start: second, length, sinceEnd, daysAfter, isClosed }): PushWindow => {
      const start = at('10:00:00') + second * 1_000_000;
      const end = start + length * 1_000_000;
      return { start, end, closed: isClosed, now: end + sinceEnd * 1_000_000 + daysAfter * DAY };
    });
  const taken = fc.oneof(
    fc.uniqueArray(fc.integer({ min: 0, max: 240 }), { maxLength: 40 }),
    fc
      .integer({ min: 0, max: 240 })
      .map((gap) =>
        Array.from({ length: 241 }, (_, minute) => minute).filter((minute) => minute !== gap),
      ),
  );

  it('is the one that the rules name, wherever period, hour, now and the others are', () => {
    fc.assert(
      fc.property(place, taken, fc.nat(3), (window, minutesTaken, hourNo) => {
        const used = minutesTaken.map((minute) => at('10:00:00') + minute * MINUTE);
        const hour = at('10:00:00') + hourNo * MICROS_PER_HOUR;
        const found = new FreeMinutes(window, new Set(used)).take(hour);
        expect(found).toBe(byTheRules(window, new Set(used), hour));
      }),
      { numRuns: 500 },
    );
  });
});

const DAYTIME = minutes('10:00', '16:00');

/** The rules once more, by lists of all minutes there are. */
function byTheRules(window: PushWindow, used: ReadonlySet<number>, hour: number) {
  const { start, end, closed: isClosed, now } = window;
  const whole = DAYTIME.filter((m) => m >= start && m + MINUTE <= end);
  const isKept = (minute: number) => !isClosed && minute + MINUTE > end - 5 * MINUTE;
  const isOfHour = (minute: number) => minute >= hour && minute < hour + MICROS_PER_HOUR;
  const free = whole.filter((m) => m <= now && m >= now - 34 * DAY && !used.has(m));
  const unkept = free.filter((minute) => !isKept(minute));
  const own = unkept.find(isOfHour);
  if (own !== undefined) return own;
  if (!isClosed && whole.some((m) => isOfHour(m) && !isKept(m) && m > now)) return 'wait';
  for (const list of [unkept, free]) {
    const nearest = list.find((m) => m >= hour) ?? list.findLast((m) => m < hour);
    if (nearest !== undefined) return nearest;
  }
  return 'none';
}
