import type { ProcessFigures } from './process-watch.js';
import type { Latency } from './statistics.js';

/** What one measurement of one side gave. */
export interface Measured {
  readonly perSecond: number;
  readonly latency: Latency;
  readonly processes: Readonly<Record<string, ProcessFigures>>;
}
