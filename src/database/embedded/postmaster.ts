import { execFile, spawn } from 'node:child_process';
import { open, readFile, readlink, realpath, rename, stat } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Cluster } from './cluster.js';
import { explained } from './embedded-postgres-error.js';
import { serverEnvironment } from './server-user.js';

/** Settings of the server, e.g. `{ max_connections: '300' }`. */
export type ServerSettings = Readonly<Record<string, string>>;

const DEFAULT_SETTINGS: ServerSettings = {
  timezone: 'UTC',
  log_timezone: 'UTC',
  fsync: 'on',
  synchronous_commit: 'on',
  max_connections: '100',
  // A look-up of an event by its key locks every month with its indexes: room for ten years of them.
  max_locks_per_transaction: '256',
  password_encryption: 'scram-sha-256',
  listen_addresses: '127.0.0.1',
  // No socket file: nothing stale is left behind, and no path can be too long for it.
  unix_socket_directories: '',
  // The log is for the operator; statements and row contents are the customers'.
  log_error_verbosity: 'terse',
  log_min_error_statement: 'panic',
};

/** The log is put aside when a start finds it longer; one old one is kept. */
const LOG_MAX_BYTES = 8 * 1024 * 1024;

/** What a postmaster.pid says; its process may be long gone. */
export interface LockFile {
  readonly pid: number;
  readonly port: number;
}

export async function readLockFile(data: string): Promise<LockFile | undefined> {
  const content = await readFile(join(data, 'postmaster.pid'), 'utf8').catch(() => '');
  // Lines: pid, data directory, start time, port, … (src/include/utils/pidfile.h).
  const lines = content.split('\n');
  const pid = Number(lines[0]);
  if (!Number.isSafeInteger(pid) || pid <= 0) return undefined;
  return { pid, port: Number(lines[3] || 0) };
}

/** Whether that process is a PostgreSQL at work in `data`, not another that got the same number. */
export async function isServerOf(data: string, pid: number): Promise<boolean> {
  try {
    return process.platform === 'linux'
      ? await isServerOnLinux(data, pid)
      : (await argumentsOf(pid)).includes(` ${markOf(data)} `);
  } catch {
    return false;
  }
}

async function isServerOnLinux(data: string, pid: number): Promise<boolean> {
  if ((await readFile(`/proc/${pid}/comm`, 'utf8')).trim() !== 'postgres') return false;
  try {
    // A server works in its data directory: the kernel's word, even where the folder was moved.
    return (await readlink(`/proc/${pid}/cwd`)) === (await realpath(data));
  } catch {
    // Docker's root may not look into the processes of others, but may read how they were called.
    const called = await readFile(`/proc/${pid}/cmdline`, 'utf8');
    return called.split('\0').includes(markOf(data));
  }
}

/** A setting without effect, by which the process shows whose server it is. */
function markOf(data: string): string {
  return `countonce.data_directory=${data}`;
}

async function argumentsOf(pid: number): Promise<string> {
  const { stdout } = await promisify(execFile)('ps', ['-ww', '-o', 'args=', '-p', String(pid)]);
  return `${stdout.trim()} `;
}

/** One try to start the server. */
export interface StartAttempt {
  /** What it said, once it has ended; undefined while it runs. */
  failure(): Promise<string | undefined>;
}

/**
 * Starts the server in a session of its own, so that a Ctrl-C in the terminal, meant for us, does
 * not take the database away from the work that is still to be finished.
 *
 * @param stalePid the number in a lock file that is not a server's; see below.
 */
export async function startServer(
  cluster: Cluster,
  settings: ServerSettings,
  stalePid: number | undefined,
): Promise<StartAttempt> {
  const port = await freePort();
  const named = Object.entries({ ...DEFAULT_SETTINGS, ...settings, port: String(port) });
  const flags = [...named.map(([name, value]) => `${name}=${value}`), markOf(cluster.data)];
  const logPath = join(cluster.folder, 'server.log');
  await rotate(logPath);
  const log = await open(logPath, 'a', 0o600);
  const { size: logStart } = await log.stat();
  let ended: string | undefined;
  try {
    const child = spawn(
      cluster.binaries.postgres,
      ['-D', cluster.dataArgument, ...flags.flatMap((flag) => ['-c', flag])],
      {
        cwd: cluster.data,
        detached: true,
        // PostgreSQL takes a lock file for live when any process of its user has that number, and
        // passes over this one only. Deleting the file would also drop the check on the shared
        // memory, which finds processes of a killed server that still write.
        env: { ...serverEnvironment(), ...(stalePid && { PG_GRANDPARENT_PID: String(stalePid) }) },
        stdio: ['ignore', log.fd, log.fd],
        ...cluster.user,
      },
    );
    child.once('error', (error) => (ended = error.message));
    child.once('exit', (code, signal) => (ended = `postgres ended with ${code ?? signal}`));
    child.unref();
  } finally {
    await log.close();
  }
  return {
    async failure() {
      if (ended === undefined) return undefined;
      return `${(await readFile(logPath)).subarray(logStart).toString('utf8')}${ended}`;
    },
  };
}

/** What another start, or the last moments of a killed server, brings about: try again. */
const PASSING =
  /lock file "postmaster.pid" already exists|lock file "postmaster.pid" is empty|pre-existing shared memory block|could not bind|could not create any TCP\/IP sockets|ended with 0$/;

/** @throws EmbeddedPostgresError unless a later try may succeed. */
export function throwUnlessPassing(failure: string): void {
  if (!PASSING.test(failure)) throw explained('start', failure);
}

async function rotate(logPath: string): Promise<void> {
  const size = await stat(logPath).then(
    (found) => found.size,
    () => 0,
  );
  if (size > LOG_MAX_BYTES) await rename(logPath, `${logPath}.1`);
}

/** A port of this machine that nobody listens on at the moment. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
