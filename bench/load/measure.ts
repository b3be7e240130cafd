import { setTimeout as sleep } from 'node:timers/promises';
import { latencyOf } from '../rig/statistics.js';
import type { Amount, Done } from './jobs.js';

/** What one request or statement did. */
export interface Step {
  readonly units: number;
  /** Without what preparing it took. */
  readonly ms: number;
  readonly events?: number;
  readonly quantity?: number;
}

/** Does something over and over, for as long or at the pace that is asked for. */
export async function measure(amount: Amount, step: () => Promise<Step>): Promise<Done> {
  const total = { units: 0, events: 0, quantity: 0 };
  const latenciesMs: number[] = [];
  const begin = performance.now();
  const count = (done: Step, ms = done.ms): void => {
    total.units += done.units;
    total.events += done.events ?? 0;
    total.quantity += done.quantity ?? 0;
    latenciesMs.push(ms);
  };
  if (amount.perSecond === undefined) await onLanes(amount, begin, async () => count(await step()));
  else {
    await atPace(amount.seconds, amount.perSecond, begin, async (dueMs) => {
      const done = await step();
      count(done, performance.now() - dueMs);
    });
  }
  return {
    units: total.units,
    seconds: (performance.now() - begin) / 1_000,
    latency: latencyOf(latenciesMs),
    recorded: { events: total.events, quantity: total.quantity },
  };
}

async function onLanes(
  { lanes, seconds }: Amount,
  beginMs: number,
  work: () => Promise<void>,
): Promise<void> {
  const endMs = beginMs + seconds * 1_000;
  let isFailed = false;
  const lane = async (): Promise<void> => {
    do {
      await work().catch((error: unknown) => {
        isFailed = true;
        throw error;
      });
    } while (!isFailed && performance.now() < endMs);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

/** Begins work at fixed moments; a slow answer delays none after it. */
async function atPace(
  seconds: number,
  perSecond: number,
  beginMs: number,
  work: (dueMs: number) => Promise<void>,
): Promise<void> {
  const count = Math.max(1, Math.round(seconds * perSecond));
  const underWay = new Set<Promise<void>>();
  let failure: unknown;
  for (let i = 0; i < count && failure === undefined; i++) {
    const dueMs = beginMs + (i * 1_000) / perSecond;
    if (dueMs > performance.now()) await sleep(dueMs - performance.now());
    const one = work(dueMs)
      .catch((error: unknown) => {
        failure = error;
      })
      .finally(() => underWay.delete(one));
    underWay.add(one);
  }
  await Promise.all(underWay);
  if (failure !== undefined) throw failure;
}
