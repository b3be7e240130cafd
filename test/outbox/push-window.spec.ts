import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MICROS_PER_DAY, MICROS_PER_MINUTE, parseInstant } from '../../src/domain/instant.js';
import {
  ceilTo,
  earliest,
  floorTo,
  isHourTooOld,
  isPeriodTooOld,
  RESERVED,
  totalTimestamp,
  type PushWindow,
} from '../../src/outbox/push-window.js';

const at = (text: string): number => parseInstant(text)!;
const START = at('2026-11-05T14:23:07Z');

const period = fc.record({
  start: fc.integer({ min: 0, max: 3_600_000_000 * 5 }).map((offset) => START + offset),
  minutes: fc.integer({ min: 1, max: 600 }),
  sinceEnd: fc.integer({ min: -900, max: 60 * 24 * 36 }),
  closed: fc.boolean(),
});
const window = period.map(({ start, minutes, sinceEnd, closed }): PushWindow => {
  const end = start + minutes * MICROS_PER_MINUTE + 17;
  const now = end + sinceEnd * MICROS_PER_MINUTE;
  return { start, end, now, closed: closed && now >= end };
});

describe('instants to the minute', () => {
  it.each([
    [0, 0, 0],
    [1, 0, MICROS_PER_MINUTE],
    [MICROS_PER_MINUTE - 1, 0, MICROS_PER_MINUTE],
    [MICROS_PER_MINUTE, MICROS_PER_MINUTE, MICROS_PER_MINUTE],
    [-1, -MICROS_PER_MINUTE, 0],
  ])('of %d are %d below and %d above', (instant, below, above) => {
    expect(floorTo(instant, MICROS_PER_MINUTE)).toBe(below);
    // Zero has a sign here that nothing else sees.
    expect(ceilTo(instant, MICROS_PER_MINUTE) + 0).toBe(above);
  });
});

describe('what a period is planned with', () => {
  it('is 34 days in which Stripe takes timestamps, and five minutes for the close', () => {
    expect(earliest(START)).toBe(START - 34 * MICROS_PER_DAY);
    expect(RESERVED).toBe(5 * MICROS_PER_MINUTE);
  });
});

describe('the age limit', () => {
  const place = (now: string): PushWindow => ({
    start: at('2026-10-01T00:00:00Z'),
    end: at('2026-10-08T12:30:30Z'),
    closed: true,
    now: at(now),
  });

  it.each([
    ['2026-11-04T10:59:00Z', false],
    ['2026-11-04T10:59:00.000001Z', true],
  ])('of an hour is that of its last minute: 34 days later, %s', (now, tooOld) => {
    expect(isHourTooOld(place(now), at('2026-10-01T10:00:00Z'))).toBe(tooOld);
  });

  it.each([
    ['2026-11-11T12:29:00Z', false],
    ['2026-11-11T12:29:00.000001Z', true],
  ])('of a period is that of its last whole minute, %s', (now, tooOld) => {
    expect(isPeriodTooOld(place(now))).toBe(tooOld);
    expect(isHourTooOld(place(now), at('2026-10-08T12:00:00Z'))).toBe(tooOld);
  });
});

describe('the timestamp of a total', () => {
  const open: PushWindow = {
    start: at('2026-11-01T00:00:00.5Z'),
    end: at('2026-12-01T00:00:00.5Z'),
    closed: false,
    now: at('2026-11-10T12:00:00.9Z'),
  };
  const closed = { ...open, closed: true, now: at('2026-12-01T00:10:00Z') };

  it.each([
    ['is now, to the second', open, undefined, '2026-11-10T12:00:00Z'],
    ['waits for the next second', open, '2026-11-10T12:00:00Z', 'wait'],
    ['is not before the period', { ...open, now: open.start + 1 }, undefined, 'wait'],
    [
      'stops before the last five minutes',
      { ...open, now: open.end },
      undefined,
      '2026-11-30T23:55:00Z',
    ],
    ['waits for the close then', { ...open, now: open.end }, '2026-11-30T23:55:00Z', 'wait'],
    ['is in the last five minutes of a closed period', closed, undefined, '2026-11-30T23:55:01Z'],
    ['rises there', closed, '2026-11-30T23:55:01Z', '2026-11-30T23:55:02Z'],
    ['ends with the period', closed, '2026-11-30T23:59:59Z', '2026-12-01T00:00:00Z'],
    ['is none after that', closed, '2026-12-01T00:00:00Z', 'none'],
    [
      'is before the last five minutes, not at their beginning',
      { ...open, start: open.start - 500_000, end: open.end - 500_000, now: open.end },
      undefined,
      '2026-11-30T23:54:59Z',
    ],
    [
      'is before the end, not at it',
      { ...closed, end: closed.end - 500_000 },
      '2026-11-30T23:59:58Z',
      '2026-11-30T23:59:59Z',
    ],
    [
      'is none at the end',
      { ...closed, end: closed.end - 500_000 },
      '2026-11-30T23:59:59Z',
      'none',
    ],
    [
      'is now where that is all there is of an open period',
      { ...open, now: at('2026-11-01T00:00:01Z') },
      undefined,
      '2026-11-01T00:00:01Z',
    ],
    [
      'is later by a second than one that was not on the second',
      { ...open, now: at('2026-11-10T12:00:02Z') },
      '2026-11-10T12:00:00.3Z',
      '2026-11-10T12:00:02Z',
    ],
    ['waits where a whole second later is ahead', open, '2026-11-10T11:59:59.3Z', 'wait'],
    [
      'is now in a period that was closed early, as soon as that is late enough',
      { ...closed, now: at('2026-11-30T23:55:01Z') },
      undefined,
      '2026-11-30T23:55:01Z',
    ],
    [
      'is none in a period that was closed too early',
      { ...closed, now: at('2026-11-30T23:55:00.9Z') },
      undefined,
      'none',
    ],
    [
      'is not older than 34 days',
      { ...closed, now: at('2027-01-03T23:58:00.5Z') },
      undefined,
      '2026-11-30T23:58:01Z',
    ],
    [
      'is the last one that is not older than 34 days',
      { ...closed, now: at('2027-01-04T00:00:00Z') },
      undefined,
      '2026-12-01T00:00:00Z',
    ],
    [
      'is none where all are older than 34 days',
      { ...closed, now: at('2027-01-04T00:00:00.000001Z') },
      undefined,
      'none',
    ],
  ] as const)('%s', (_, place, previous, expected) => {
    const found = totalTimestamp(place, previous === undefined ? undefined : at(previous));
    expect(found).toBe(typeof found === 'number' ? at(expected) : expected);
  });

  it('is always in the period, not ahead of now, and later than the one before', () => {
    fc.assert(
      fc.property(window, fc.integer({ min: 0, max: 36_000 }), (place, seconds) => {
        const previous = Math.floor(place.start / 1e6) * 1e6 + seconds * 1_000_000;
        const found = totalTimestamp(place, previous);
        if (typeof found !== 'number') return;
        expect(found % 1_000_000).toBe(0);
        expect(found).toBeGreaterThan(previous);
        expect(found).toBeGreaterThanOrEqual(place.start);
        expect(found).toBeLessThan(place.end);
        expect(found).toBeLessThanOrEqual(place.now);
      }),
    );
  });
});
