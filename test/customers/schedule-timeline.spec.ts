import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  DEFAULT_TIMELINE,
  defaultAnchor,
  timelineOf,
  type ScheduleVersion,
} from '../../src/customers/schedule-timeline.js';
import { DEFAULT_SCHEDULE, isTimezone } from '../../src/domain/billing-period.js';
import { formatInstant } from '../../src/domain/instant.js';

const version = (effectiveFrom: number, intervalCount = 1): ScheduleVersion => ({
  effectiveFrom,
  interval: 'day',
  intervalCount,
  anchor: 0,
  timezone: 'UTC',
});

describe('the timeline of a customer', () => {
  it('is UTC calendar months where nothing was said', () => {
    expect(timelineOf([])).toBe(DEFAULT_TIMELINE);
    expect(DEFAULT_TIMELINE.segments).toEqual([
      { effectiveFrom: -Infinity, schedule: DEFAULT_SCHEDULE },
    ]);
  });

  it('is replaced whole by a version from the beginning', () => {
    const { segments } = timelineOf([version(10, 2), version(0, 3)]);

    expect(segments).toMatchObject([{ effectiveFrom: -Infinity, schedule: { intervalCount: 3 } }]);
  });

  it('loses what comes after a later version that starts earlier', () => {
    const { segments } = timelineOf([version(10, 2), version(20, 3), version(10, 4)]);

    expect(segments).toMatchObject([
      { effectiveFrom: -Infinity, schedule: DEFAULT_SCHEDULE },
      { effectiveFrom: 10, schedule: { intervalCount: 4 } },
    ]);
  });

  it('begins at the beginning, rises, and ends with the version made last', () => {
    const versions = fc.array(
      fc.tuple(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 1, max: 1_000 })),
      { minLength: 1, maxLength: 8 },
    );
    fc.assert(
      fc.property(versions, (made) => {
        const { segments } = timelineOf(made.map(([from, count]) => version(from, count)));

        const starts = segments.map((segment) => segment.effectiveFrom);
        expect(starts[0]).toBe(-Infinity);
        expect(starts).toEqual([...new Set(starts)].sort((one, other) => one - other));
        expect(segments.at(-1)!.schedule.intervalCount).toBe(made.at(-1)![1]);
      }),
    );
  });
});

describe('the default anchor', () => {
  it.each([
    ['UTC', '2024-01-01T00:00:00.000Z'],
    ['Europe/Berlin', '2023-12-31T23:00:00.000Z'],
    ['America/St_Johns', '2024-01-01T03:30:00.000Z'],
  ])('is midnight of 2024-01-01 in %s', (timezone, anchor) => {
    expect(isTimezone(timezone)).toBe(true);
    expect(formatInstant(defaultAnchor(timezone))).toBe(anchor);
  });
});
