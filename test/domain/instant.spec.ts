import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  MICROS_PER_HOUR,
  MICROS_PER_MINUTE,
  MICROS_PER_QUARTER_HOUR,
  formatInstant,
  formatInstantMicros,
  parseInstant,
  quarterHour,
} from '../../src/domain/instant.js';

const anyInstant = fc.maxSafeInteger();
const anyMinuteOffset = fc.integer({ min: -(23 * 60 + 59), max: 23 * 60 + 59 });

function offsetText(minutes: number): string {
  const two = (value: number) => String(value).padStart(2, '0');
  const size = Math.abs(minutes);
  return `${minutes < 0 ? '-' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

describe('parseInstant', () => {
  it('reads back whatever either format wrote, over the whole range', () => {
    fc.assert(
      fc.property(anyInstant, (micros) => {
        expect(parseInstant(formatInstant(micros))).toBe(micros);
        expect(parseInstant(formatInstantMicros(micros))).toBe(micros);
      }),
    );
  });

  it('reads a local time with its offset as the same instant as in UTC', () => {
    const inRange = fc.integer({ min: -8e15, max: 8e15 });
    fc.assert(
      fc.property(inRange, anyMinuteOffset, (micros, minutes) => {
        const local = formatInstantMicros(micros + minutes * MICROS_PER_MINUTE).slice(0, -1);
        expect(parseInstant(local + offsetText(minutes))).toBe(micros);
      }),
    );
  });

  it('agrees with Date on every calendar day, real or not', () => {
    const days = fc.tuple(
      fc.integer({ min: 1690, max: 2250 }),
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 1, max: 31 }),
    );
    fc.assert(
      fc.property(days, ([year, month, day]) => {
        const date = new Date(Date.UTC(year, month - 1, day));
        const text = `${year}-${String(month).padStart(2, '0')}-${String(day).padStart(2, '0')}T00:00:00Z`;
        const exists = date.getUTCDate() === day;
        expect(parseInstant(text)).toBe(exists ? date.getTime() * 1_000 : undefined);
      }),
    );
  });

  it.each([
    ['1970-01-01T00:00:00Z', 0],
    ['1970-01-01t00:00:00z', 0],
    ['1970-01-01T00:00:00-00:00', 0],
    ['1970-01-01T00:00:00.1Z', 100_000],
    ['1970-01-01T00:00:00.000001Z', 1],
    ['1970-01-01T00:00:00.123456000Z', 123_456],
    ['1970-01-01T00:00:00.000000000Z', 0],
    ['1969-12-31T23:59:59.999999Z', -1],
    ['1970-01-01T23:59:00+23:59', 0],
    ['1969-12-31T00:01:00-23:59', 0],
    ['1970-01-01T05:30:00.5+05:30', 500_000],
    ['2024-02-29T00:00:00Z', 1_709_164_800_000_000],
    ['2000-02-29T12:00:00+00:00', 951_825_600_000_000],
    ['2255-06-05T23:47:34.740991Z', Number.MAX_SAFE_INTEGER],
    ['1684-07-28T00:12:25.259009Z', Number.MIN_SAFE_INTEGER],
  ])('reads %s', (text, micros) => {
    expect(parseInstant(text)).toBe(micros);
  });

  it.each([
    ['an empty text', ''],
    ['a date only', '2026-11-01'],
    ['no offset', '2026-11-01T00:00:00'],
    ['no seconds', '2026-11-01T00:00Z'],
    ['a blank for the T', '2026-11-01 00:00:00Z'],
    ['a leading blank', ' 2026-11-01T00:00:00Z'],
    ['a trailing blank', '2026-11-01T00:00:00Z '],
    ['a trailing line feed', '2026-11-01T00:00:00Z\n'],
    ['infinity', 'infinity'],
    ['a leap second', '2016-12-31T23:59:60Z'],
    ['hour 24', '2026-11-01T24:00:00Z'],
    ['minute 60', '2026-11-01T00:60:00Z'],
    ['day 0', '2026-11-00T00:00:00Z'],
    ['month 0', '2026-00-01T00:00:00Z'],
    ['month 13', '2026-13-01T00:00:00Z'],
    ['30 February', '2026-02-30T00:00:00Z'],
    ['29 February of a common year', '2026-02-29T00:00:00Z'],
    ['29 February of a century', '2100-02-29T00:00:00Z'],
    ['31 April', '2026-04-31T00:00:00Z'],
    ['a seventh digit that counts', '2026-11-01T00:00:00.1234567Z'],
    ['a digit that counts after zeros', '2026-11-01T00:00:00.0000000001Z'],
    ['a point without digits', '2026-11-01T00:00:00.Z'],
    ['a comma', '2026-11-01T00:00:00,5Z'],
    ['an offset of a day', '2026-11-01T00:00:00+24:00'],
    ['an offset of 60 minutes', '2026-11-01T00:00:00+01:60'],
    ['an offset without its colon', '2026-11-01T00:00:00+0100'],
    ['an offset of hours only', '2026-11-01T00:00:00+01'],
    ['an offset with seconds', '2026-11-01T00:00:00+01:00:00'],
    ['a zone name', '2026-11-01T00:00:00Z[UTC]'],
    ['the year 0', '0000-01-01T00:00:00Z'],
    ['the year 50, which Date takes for 1950', '0050-01-01T00:00:00Z'],
    ['the year 9999', '9999-12-31T23:59:59Z'],
    ['an extended year', '+002026-11-01T00:00:00Z'],
    ['the first instant that is out of range', '2255-06-05T23:47:34.740992Z'],
    ['the last instant before the range', '1684-07-28T00:12:25.259008Z'],
    ['other digits', '٢٠٢٦-11-01T00:00:00Z'],
  ])('refuses %s', (_, text) => {
    expect(parseInstant(text)).toBeUndefined();
  });
});

describe('formatInstant', () => {
  it('is Date.toISOString for whole milliseconds', () => {
    const anyMillisecond = fc.integer({ min: -9e12, max: 9e12 });
    fc.assert(
      fc.property(anyMillisecond, (milliseconds) => {
        expect(formatInstant(milliseconds * 1_000)).toBe(new Date(milliseconds).toISOString());
      }),
    );
  });

  it.each([
    [1_793_491_200_000_000, '2026-11-01T00:00:00.000Z'],
    [1_793_491_200_000_001, '2026-11-01T00:00:00.000001Z'],
    [1_793_491_200_120_000, '2026-11-01T00:00:00.120Z'],
    [-1, '1969-12-31T23:59:59.999999Z'],
  ])('writes %d as %s', (micros, text) => {
    expect(formatInstant(micros)).toBe(text);
  });
});

describe('formatInstantMicros', () => {
  it('always writes six digits, and sorts as the instants do', () => {
    expect(formatInstantMicros(1_793_491_200_000_000)).toBe('2026-11-01T00:00:00.000000Z');
    fc.assert(
      fc.property(anyInstant, anyInstant, (a, b) => {
        expect(formatInstantMicros(a)).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
        expect(formatInstantMicros(a) < formatInstantMicros(b)).toBe(a < b);
      }),
    );
  });
});

describe('quarterHour', () => {
  it('is the last full quarter hour, before 1970 too', () => {
    // A quarter of an hour above the lowest instant, so that the answer is still an instant.
    const min = Number.MIN_SAFE_INTEGER + MICROS_PER_QUARTER_HOUR;
    fc.assert(
      fc.property(fc.maxSafeInteger(), (any) => {
        const micros = Math.max(any, min);
        const start = quarterHour(micros);
        expect(Math.abs(start % MICROS_PER_QUARTER_HOUR)).toBe(0);
        expect(start <= micros && micros - start < MICROS_PER_QUARTER_HOUR).toBe(true);
      }),
    );
    expect(quarterHour(-1)).toBe(-MICROS_PER_QUARTER_HOUR);
    expect(quarterHour(MICROS_PER_HOUR - 1)).toBe(3 * MICROS_PER_QUARTER_HOUR);
    expect(quarterHour(MICROS_PER_HOUR)).toBe(MICROS_PER_HOUR);
  });
});
