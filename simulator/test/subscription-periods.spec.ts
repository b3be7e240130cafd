import fc from 'fast-check';
import { Temporal } from 'temporal-polyfill';
import { expect, it } from 'vitest';
import { INTERVALS } from '../src/price.js';
import { nextBoundary } from '../src/subscription-periods.js';

const UNITS = { day: 'days', week: 'weeks', month: 'months', year: 'years' } as const;
const instant = fc.integer({ min: Date.UTC(1999, 0) / 1000, max: Date.UTC(2060, 0) / 1000 });
const every = fc.record({
  interval: fc.constantFrom(...INTERVALS),
  interval_count: fc.integer({ min: 1, max: 12 }),
});

it('is the first of the boundaries at anchor + n intervals that is after the instant', () => {
  fc.assert(
    fc.property(instant, every, instant, (anchor, { interval, interval_count: count }, after) => {
      const from = Temporal.Instant.fromEpochMilliseconds(anchor * 1000).toZonedDateTimeISO('UTC');
      const boundary = (n: number) =>
        from.add({ [UNITS[interval]]: n * count }).epochMilliseconds / 1000;
      const next = nextBoundary(anchor, { interval, interval_count: count }, after);
      const days = { day: 1, week: 7, month: 30.436875, year: 365.2425 }[interval];
      const n = Math.round((next - anchor) / (days * 86_400 * count));
      expect(next).toBe(boundary(n));
      expect(next).toBeGreaterThan(after);
      expect(boundary(n - 1)).toBeLessThanOrEqual(after);
    }),
    { numRuns: 2000 },
  );
});
