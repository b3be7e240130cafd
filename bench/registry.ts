import { ingestBatch } from './ingest-batch.js';
import type { Benchmark } from './rig/benchmark.js';

/** All benchmarks, in the order in which they run. */
export const BENCHMARKS: readonly Benchmark[] = [ingestBatch];
