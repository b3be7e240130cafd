import { execFileSync } from 'node:child_process';
import { closeSync, fdatasyncSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BenchPostgres } from './bench-postgres.js';
import { latencyOf, rounded } from './statistics.js';

const FLUSHES = 200;
const PAGE_BYTES = 8_192;
const GIB = 2 ** 30;
/** linux/magic.h */
const TMPFS_MAGIC = 0x01021994;

/** On what, with what and of what the figures were measured. */
export interface Machine {
  readonly commit: string;
  readonly begun_at: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memory_gib: number;
  readonly kernel: string;
  /** Of the last minute, before anything was measured. */
  readonly load_average: number;
  readonly node: string;
  readonly postgres: string;
  readonly fsync: string;
  readonly synchronous_commit: string;
  /** Of an 8 KiB page, written and flushed where the data are. */
  readonly flush_p50_ms: number;
  readonly flush_p99_ms: number;
  /** Of one row by itself. */
  readonly commit_p50_ms: number;
  readonly commit_ms_added: number;
  /** Whether the data are in memory: nothing is flushed there, whatever fsync says. */
  readonly data_in_memory: boolean;
}

export async function describeMachine(
  postgres: BenchPostgres,
  folder: string,
  commitMs: number,
): Promise<Machine> {
  const flush = latencyOf(flushLatencies(folder));
  const processors = cpus();
  return {
    commit: commitHash(),
    begun_at: new Date().toISOString(),
    cpu: processors[0]?.model.trim() ?? 'unknown',
    cores: processors.length,
    memory_gib: rounded(totalmem() / GIB),
    kernel: release(),
    load_average: rounded(loadavg()[0] ?? 0),
    node: process.version,
    postgres: await postgres.setting('server_version'),
    fsync: await postgres.setting('fsync'),
    synchronous_commit: await postgres.setting('synchronous_commit'),
    flush_p50_ms: rounded(flush.p50Ms),
    flush_p99_ms: rounded(flush.p99Ms),
    commit_p50_ms: rounded(latencyOf(await postgres.commitLatencies(FLUSHES)).p50Ms),
    commit_ms_added: commitMs,
    data_in_memory: statfsSync(folder).type === TMPFS_MAGIC,
  };
}

/** As pg_test_fsync does it for `wal_sync_method = fdatasync`. */
function flushLatencies(folder: string): number[] {
  const file = join(folder, 'flushed');
  const page = Buffer.alloc(PAGE_BYTES);
  const handle = openSync(file, 'w');
  try {
    return Array.from({ length: FLUSHES }, () => {
      const from = performance.now();
      writeSync(handle, page, 0, PAGE_BYTES, 0);
      fdatasyncSync(handle);
      return performance.now() - from;
    });
  } finally {
    closeSync(handle);
    rmSync(file);
  }
}

/** With `+` where the sources were changed since. */
function commitHash(): string {
  const git = (...args: string[]): string =>
    execFileSync('git', args, {
      cwd: fileURLToPath(new URL('../..', import.meta.url)),
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  try {
    const isChanged = git('status', '--porcelain', '--untracked-files=no') !== '';
    return git('rev-parse', '--short=12', 'HEAD') + (isChanged ? '+' : '');
  } catch {
    return 'unknown';
  }
}
