import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

/** Of the event loop's time in a step. */
const BUSY_FROM = 0.7;
const REST_PER_STEP = 3;
const REST_MAX_MS = 1_000;

/**
 * The pace of long work in steps beside more urgent work of the same process: where that goes on and
 * the process is busy with both, each step is followed by a rest, so that requests are answered as if
 * there were no long work, or nearly so.
 */
export class Pace {
  private doneBefore: number;
  private utilization = performance.eventLoopUtilization();
  private sinceMs = performance.now();

  /** @param done How much of the more urgent work was done so far. */
  constructor(
    private readonly done: () => number,
    private readonly sleepMs: (ms: number) => Promise<unknown> = (ms) => sleep(ms),
  ) {
    this.doneBefore = done();
  }

  /** To be awaited after each step. */
  async rest(): Promise<void> {
    const { utilization } = performance.eventLoopUtilization(this.utilization);
    const tookMs = performance.now() - this.sinceMs;
    if (utilization > BUSY_FROM && this.done() > this.doneBefore) {
      await this.sleepMs(Math.min(tookMs * REST_PER_STEP, REST_MAX_MS));
    }
    this.doneBefore = this.done();
    this.utilization = performance.eventLoopUtilization();
    this.sinceMs = performance.now();
  }
}
