import type { ProcessFigures } from './process-watch.js';
import type { Rig } from './rig.js';
import type { Latency } from './statistics.js';

/** What the ratio to the reference must come to. */
export type ToReach = { readonly atLeast: number } | { readonly atMost: number };

export interface Benchmark {
  readonly name: string;
  /** What is measured. */
  readonly what: string;
  /** What it is held against, measured in the same run. */
  readonly reference: string;
  readonly unit: string;
  readonly toReach: ToReach;
  /**
   * Measures, and holds the ledger against what was sent.
   *
   * @throws Error where anything was counted wrong, or not answered.
   */
  run(rig: Rig): Promise<Figure[]>;
}

/** One measured number beside its reference. */
export interface Figure {
  readonly name: string;
  readonly unit: string;
  /** The median of the rounds. */
  readonly value: number;
  readonly reference: number;
  /** The median of the rounds' ratios. */
  readonly ratio: number;
  readonly toReach: ToReach;
  readonly latency: Latency;
  readonly processes: Readonly<Record<string, ProcessFigures>>;
  /** The value and the reference of each round. */
  readonly rounds: readonly { readonly value: number; readonly reference: number }[];
  /** What else was seen. */
  readonly notes?: Readonly<Record<string, number>>;
}

export function isReached({ ratio, toReach }: Pick<Figure, 'ratio' | 'toReach'>): boolean {
  return 'atLeast' in toReach ? ratio >= toReach.atLeast : ratio <= toReach.atMost;
}
