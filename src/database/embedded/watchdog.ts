import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import { SUPERUSER } from './initdb.js';
import { LEASE_LOCK } from './lease.js';

/**
 * Stops the server when the last process that used it is gone.
 *
 * It waits for the lease of its own process to end and then asks for the lock exclusively: nobody
 * gets it while any lease is held, and whoever has it holds newcomers back until the server is
 * down. They find it gone and start it again. Plain JavaScript, because it outlives our process
 * and must not depend on how that was started.
 */
const LAST_ONE_OUT = `
const [pgModule, folder, leaseName] = process.argv.slice(1);
const { readFileSync } = require('node:fs');
const { setTimeout: sleep } = require('node:timers/promises');
const { Client } = require(pgModule);

const lockFile = () => {
  try {
    const lines = readFileSync(folder + '/data/postmaster.pid', 'utf8').split('\\n');
    return { pid: Number(lines[0]), port: Number(lines[3] || 0) };
  } catch {
    return undefined;
  }
};
const alive = (pid) => {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error.code === 'EPERM';
  }
};
async function connect(port) {
  const password = readFileSync(folder + '/password', 'utf8').trim();
  const client = new Client({
    host: '127.0.0.1', port, user: '${SUPERUSER}', password, database: 'postgres', ssl: false,
    application_name: 'countonce watchdog', connectionTimeoutMillis: 5000,
  });
  client.on('error', () => {});
  await client.connect();
  return client;
}
async function leave(client, pid) {
  const lease = { text: 'SELECT 1 FROM pg_stat_activity WHERE application_name = $1', values: [leaseName] };
  while ((await client.query(lease)).rowCount > 0) await sleep(20);
  const asked = await client.query('SELECT pg_try_advisory_lock(${LEASE_LOCK}) AS last');
  if (!asked.rows[0].last) return;
  process.kill(pid, 'SIGINT');
  while (lockFile()?.pid === pid && alive(pid)) await sleep(20);
}
async function main() {
  // A server that is still starting answers later; one that never answers is not ours to stop.
  for (let tries = 0; tries < 600; tries += 1) {
    const running = lockFile();
    if (!running || !alive(running.pid)) {
      // One that was started a moment ago says so a moment later.
      if (tries >= 10) return;
      await sleep(100);
      continue;
    }
    const client = await connect(running.port).catch((error) => {
      // Not our password any more: whoever changed it has taken the server over.
      if (/^28/.test(error.code)) process.exit();
    });
    if (client) return leave(client, running.pid).finally(() => client.end().catch(() => {}));
    await sleep(100);
  }
}
main().catch(() => {}).finally(() => process.exit());
`;

const WAIT_THEN_RUN = 'while read -r line; do :; done; exec "$@"';

export interface Watchdog {
  /** Lets it do its work now, and waits until it has. */
  release(): Promise<void>;
}

/**
 * Starts the watchdog of this process: a shell that reads from a pipe whose other end only we
 * hold. When we end, however we end, the pipe closes. Until then it costs a megabyte.
 */
export function startWatchdog(clusterFolder: string, leaseName: string): Watchdog {
  const pgModule = createRequire(import.meta.url).resolve('pg');
  const lastOneOut = [LAST_ONE_OUT, pgModule, clusterFolder, leaseName];
  const child = spawn(
    '/bin/sh',
    ['-c', WAIT_THEN_RUN, 'countonce-watchdog', process.execPath, '-e', ...lastOneOut],
    {
      cwd: '/',
      detached: true,
      env: { PATH: process.env['PATH'] },
      stdio: ['pipe', 'ignore', 'ignore'],
    },
  );
  const ended = once(child, 'exit');
  ended.catch(() => undefined);
  child.unref();
  const pipe = child.stdin as Socket;
  pipe.on('error', () => undefined);
  pipe.unref();
  return {
    async release() {
      child.ref();
      pipe.end();
      await ended;
    },
  };
}
