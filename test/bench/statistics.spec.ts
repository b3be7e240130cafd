import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { figureOf } from '../../bench/rig/figures.js';
import { isReached } from '../../bench/rig/benchmark.js';
import type { Measured } from '../../bench/rig/measured.js';
import { latencyOf, median, percentile, rounded } from '../../bench/rig/statistics.js';

describe('the median', () => {
  it('is the value in the middle, whatever the order', () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([10])).toBe(10);
  });

  it('lies between the two in the middle where their number is even', () => {
    expect(median([4, 1, 2, 100])).toBe(3);
  });

  it('is none of nothing', () => {
    expect(median([])).toBeNaN();
  });

  it('leaves its input as it was', () => {
    const values = [3, 1, 2];
    median(values);
    expect(values).toEqual([3, 1, 2]);
  });
});

describe('a percentile', () => {
  const hundred = Array.from({ length: 100 }, (_, i) => i + 1);

  it('is the nearest rank: the smallest value that so large a share does not exceed', () => {
    expect(percentile(hundred, 0.5)).toBe(50);
    expect(percentile(hundred, 0.99)).toBe(99);
    expect(percentile(hundred, 0.991)).toBe(100);
    expect(percentile(hundred, 1)).toBe(100);
    expect(percentile([7], 0.01)).toBe(7);
  });

  it('is a value that was measured, and not exceeded by so large a share', () => {
    const values = fc.array(fc.double({ noNaN: true }), { minLength: 1, maxLength: 50 });
    const shares = fc.double({ min: 0.01, max: 1, noNaN: true });
    fc.assert(
      fc.property(values, shares, (values, share) => {
        const sorted = values.toSorted((a, b) => a - b);
        const found = percentile(sorted, share);
        expect(sorted).toContain(found);
        const within = sorted.filter((value) => value <= found).length;
        expect(within).toBeGreaterThanOrEqual(share * sorted.length);
      }),
    );
  });

  it('sorts latencies as numbers', () => {
    expect(latencyOf([100, 20, 3])).toEqual({ p50Ms: 20, p95Ms: 100, p99Ms: 100 });
  });
});

describe('a figure', () => {
  const of = (...rates: number[]): Measured[] =>
    rates.map((perSecond, i) => ({
      perSecond,
      latency: { p50Ms: i + 1, p95Ms: i + 2, p99Ms: i + 3 },
      processes: { api: { cores: i / 10, rssMb: 100 + i } },
    }));
  const chosen = { name: 'ingest', unit: 'events/s', toReach: { atLeast: 0.5 } } as const;

  it('has the medians of the rounds, and of the ratios within each round', () => {
    const figure = figureOf(chosen, { measured: of(10, 20, 90), reference: of(100, 40, 60) });
    expect(figure).toMatchObject({ value: 20, reference: 60, ratio: 0.5 });
    expect(figure.rounds).toEqual([
      { value: 10, reference: 100 },
      { value: 20, reference: 40 },
      { value: 90, reference: 60 },
    ]);
    expect(figure.latency).toEqual({ p50Ms: 2, p95Ms: 3, p99Ms: 4 });
    expect(figure.processes).toEqual({ api: { cores: 0.1, rssMb: 102 } });
  });

  it('compares what it is told to', () => {
    const sides = { measured: of(1, 1, 1), reference: of(2, 2, 2) };
    const figure = figureOf({ ...chosen, of: ({ latency }) => latency.p99Ms }, sides);
    expect(figure).toMatchObject({ value: 4, reference: 4, ratio: 1 });
  });

  it('reaches its bound on either side', () => {
    expect(isReached({ ratio: 0.4, toReach: { atLeast: 0.4 } })).toBe(true);
    expect(isReached({ ratio: 0.39, toReach: { atLeast: 0.4 } })).toBe(false);
    expect(isReached({ ratio: 3, toReach: { atMost: 3 } })).toBe(true);
    expect(isReached({ ratio: 3.1, toReach: { atMost: 3 } })).toBe(false);
  });

  it('keeps three digits of small numbers and whole large ones', () => {
    expect([0.123456, 12.345, 999.4, 1_234.5].map(rounded)).toEqual([0.123, 12.3, 999, 1_235]);
  });
});
