import { spawnSync } from 'node:child_process';
import {
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const CLI = join(ROOT, 'dist/src/cli.js');
const LOCK = join(ROOT, 'node_modules/.countonce-build.lock');
const SOURCES = ['src', 'migrations', 'simulator/src'];
const POLL_MS = 100;

/**
 * The command line as it is shipped, built if what is there is older than its sources. Of test
 * files that ask at once, one builds.
 *
 * @returns The file to run with node.
 */
export function builtCli(): Promise<string> {
  return (built ??= buildOnce());
}

/** Sources that change while tests run are for the next run. */
let built: Promise<string> | undefined;

async function buildOnce(): Promise<string> {
  while (!isFresh()) {
    if (takeLock()) {
      try {
        if (!isFresh()) build();
      } finally {
        rmSync(LOCK, { force: true });
      }
    } else {
      await sleep(POLL_MS);
    }
  }
  return join(ROOT, 'bin/countonce.js');
}

function isFresh(): boolean {
  const built = statSync(CLI, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return SOURCES.every((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .every((name) => statSync(join(ROOT, folder, name)).mtimeMs <= built),
  );
}

function build(): void {
  const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
  for (const project of ['simulator', 'tsconfig.build.json']) {
    const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', project], {
      cwd: ROOT,
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`tsc -p ${project} failed:\n${stdout}`);
  }
}

/** A lock of a process that is gone is nobody's. */
function takeLock(): boolean {
  try {
    const file = openSync(LOCK, 'wx');
    writeSync(file, String(process.pid));
    closeSync(file);
    return true;
  } catch {
    if (!isRunning(ownerOfLock())) rmSync(LOCK, { force: true });
    return false;
  }
}

function ownerOfLock(): number {
  try {
    return Number(readFileSync(LOCK, 'utf8')) || process.pid;
  } catch {
    return process.pid;
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
