import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../src/clock.js';
import { NOON_MS } from './support/sandbox.js';

describe('an order at an instant of a frozen clock', () => {
  it('runs when the clock reaches it, and sees exactly that instant', () => {
    const clock = new VirtualClock(NOON_MS, true);
    const seen: number[] = [];
    clock.at(NOON_MS + 1000, () => seen.push(clock.nowMs()));
    clock.advanceMs(999);
    expect(seen).toEqual([]);
    clock.advanceMs(5000);
    expect(seen).toEqual([NOON_MS + 1000]);
    expect(clock.nowMs()).toBe(NOON_MS + 5999);
  });

  it('may order more, which is due on the same way', () => {
    const clock = new VirtualClock(NOON_MS, true);
    const seen: number[] = [];
    clock.at(NOON_MS + 1000, () => clock.at(NOON_MS + 2000, () => seen.push(clock.nowMs())));
    clock.advanceMs(3000);
    expect(seen).toEqual([NOON_MS + 2000]);
  });

  it('runs in order of instants, at one instant in order of orders, whatever the steps', () => {
    const law = fc.property(
      fc.array(fc.nat(50), { maxLength: 20 }),
      fc.array(fc.nat(20), { maxLength: 10 }),
      (dues, steps) => {
        const clock = new VirtualClock(NOON_MS, true);
        const ran: { due: number; index: number; at: number }[] = [];
        dues.forEach((due, index) => {
          clock.at(NOON_MS + due, () => ran.push({ due, index, at: clock.nowMs() - NOON_MS }));
        });
        for (const step of steps) clock.advanceMs(step);
        const passed = clock.nowMs() - NOON_MS;
        const expected = dues
          .map((due, index) => ({ due, index, at: due }))
          .filter(({ due }) => steps.length > 0 && due <= passed)
          .sort((left, right) => left.due - right.due || left.index - right.index);
        expect(ran).toEqual(expected);
      },
    );
    fc.assert(law);
  });

  it('never runs when the clock is turned back instead', () => {
    const clock = new VirtualClock(NOON_MS, true);
    let runs = 0;
    clock.at(NOON_MS + 1000, () => (runs += 1));
    clock.advanceMs(-5000);
    expect(runs).toBe(0);
    clock.reset();
    clock.advanceMs(5000);
    expect(runs).toBe(0);
  });
});

describe('a skewed clock', () => {
  it('is off for what runs in it alone, also when that throws', () => {
    const clock = new VirtualClock(NOON_MS, true);
    expect(clock.skewed(-1000, () => [clock.nowMs(), clock.trueMs()])).toEqual([
      NOON_MS - 1000,
      NOON_MS,
    ]);
    const failing = () =>
      clock.skewed(1000, () => {
        throw new Error('inside');
      });
    expect(failing).toThrow('inside');
    expect(clock.nowMs()).toBe(NOON_MS);
  });
});
