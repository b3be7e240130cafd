import { close } from './close.js';
import { closeWait } from './close-wait.js';
import { ingestBatch } from './ingest-batch.js';
import { ingestGrowth } from './ingest-growth.js';
import { ingestHot } from './ingest-hot.js';
import { ingestMix } from './ingest-mix.js';
import { ingestNaive } from './ingest-naive.js';
import { ingestSingle } from './ingest-single.js';
import { latency } from './latency.js';
import { ndjson } from './ndjson.js';
import { push } from './push.js';
import { query } from './query.js';
import { replay } from './replay.js';
import type { Benchmark } from './rig/benchmark.js';

/** All benchmarks, in the order in which they run. */
export const BENCHMARKS: readonly Benchmark[] = [
  ingestBatch,
  ingestSingle,
  ingestNaive,
  ingestMix,
  ingestHot,
  ndjson,
  close,
  closeWait,
  replay,
  push,
  query,
  latency,
  ingestGrowth,
];
