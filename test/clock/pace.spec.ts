import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { Pace } from '../../src/clock/pace.js';

let requests = 0;
const rests: number[] = [];
const newPace = () =>
  new Pace(
    () => requests,
    (ms) => Promise.resolve(rests.push(ms)),
  );
beforeEach(() => {
  rests.length = 0;
});

function keepBusy(ms: number): void {
  for (const until = performance.now() + ms; performance.now() < until;);
}

describe('a pace', () => {
  it('has long work rest after a step beside which requests kept the process busy', async () => {
    const pace = newPace();
    requests++;
    keepBusy(100);
    await pace.rest();
    expect(rests).toHaveLength(1);
    expect(rests[0]).toBeGreaterThanOrEqual(200);
  });

  it('goes on at once without requests, however busy it keeps the process itself', async () => {
    const pace = newPace();
    keepBusy(100);
    await pace.rest();
    expect(rests).toEqual([]);
  });

  it('goes on at once where the process had little to do', async () => {
    const pace = newPace();
    requests++;
    await sleep(200);
    await pace.rest();
    expect(rests).toEqual([]);
  });

  it('looks at each step alone, and rests no longer than a second', async () => {
    const pace = newPace();
    requests++;
    await sleep(200);
    await pace.rest();
    requests++;
    keepBusy(600);
    await pace.rest();
    keepBusy(50);
    await pace.rest();
    expect(rests).toEqual([1_000]);
  });
});
