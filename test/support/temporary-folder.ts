import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isServerOf, readLockFile } from '../../src/database/embedded/postmaster.js';

/** The name holds the number of the process that made it: countonce-test-1234-x7fQ2a. */
const NAME = /^countonce-test-(\d+)-/;
const STOP_TIMEOUT_MS = 10_000;

/** A folder for this process; where it is killed, the next test run removes the folder. */
export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), `countonce-test-${process.pid}-`));
}

/** Removes a folder, and stops the PostgreSQL in it; at once, for the last moment of a process. */
export function removeFolder(folder: string): void {
  stopServerIn(join(folder, 'postgres/data'));
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}

/** What runs that were killed left behind, a running server included. */
export async function removeLeftoverFolders(): Promise<void> {
  for (const name of readdirSync(tmpdir())) {
    const pid = Number(NAME.exec(name)?.[1]);
    if (!pid || isRunning(pid)) continue;
    const folder = join(tmpdir(), name);
    const data = join(folder, 'postgres/data');
    const lockFile = await readLockFile(data);
    const stale = !lockFile || !(await isServerOf(data, lockFile.pid));
    if (stale) rmSync(join(data, 'postmaster.pid'), { force: true });
    try {
      removeFolder(folder);
    } catch {
      // Another run is removing it at this moment, or it belongs to another user.
    }
  }
}

function stopServerIn(data: string): void {
  const deadline = Date.now() + STOP_TIMEOUT_MS;
  try {
    const pid = Number.parseInt(readFileSync(join(data, 'postmaster.pid'), 'utf8'), 10);
    process.kill(pid, 'SIGQUIT');
    const wait = new Int32Array(new SharedArrayBuffer(4));
    while (isRunning(pid) && Date.now() < deadline) Atomics.wait(wait, 0, 0, 20);
  } catch {
    // No lock file, or no such process: it is not running.
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
