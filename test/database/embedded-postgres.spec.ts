import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { isServerOf, readLockFile } from '../../src/database/embedded/postmaster.js';
import { startEmbeddedPostgres } from '../../src/database/embedded-postgres.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { compileProgram, killPrograms, runProgram, until } from './embedded-program.js';

const program = compileProgram();
const settings = { fsync: 'off' };
/** Made once, and copied for those tests that are not about the first start: initdb is slow. */
let prepared: string;
let dataDir: string;

beforeAll(async () => {
  prepared = temporaryFolder();
  await (await startEmbeddedPostgres({ dataDir: prepared, settings })).stop();
});
beforeEach(async () => {
  dataDir = temporaryFolder();
  await cp(prepared, dataDir, { recursive: true });
});
afterEach(async () => {
  killPrograms();
  await until(async () => (await serverPid(dataDir)) === undefined);
  await rm(dataDir, { recursive: true, force: true });
});
afterAll(async () => {
  for (const folder of [prepared, dirname(program)]) await rm(folder, { recursive: true });
});

const empty = async (folder: string): Promise<void> =>
  rm(join(folder, 'postgres'), { recursive: true });

async function serverPid(folder: string): Promise<number | undefined> {
  const data = join(folder, 'postgres/data');
  const lockFile = await readLockFile(data);
  return lockFile && (await isServerOf(data, lockFile.pid)) ? lockFile.pid : undefined;
}

async function query<Row extends pg.QueryResultRow>(url: string, sql: string): Promise<Row[]> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end();
  }
}

function pidsOf(pattern: string): number[] {
  try {
    const found = execFileSync('pgrep', ['-f', pattern], { encoding: 'utf8' });
    return found.trim().split('\n').map(Number);
  } catch {
    return [];
  }
}

/** Also while it is no longer waiting but stopping the server. */
const watchdogsOf = (folder: string): number[] => pidsOf(`${folder}/postgres countonce lease`);
const killAll = (pids: number[]): void => pids.forEach((pid) => process.kill(pid, 'SIGKILL'));

/** The server with all its children, and whoever would stop it in an orderly way. */
async function killEverything(first: { end(how: 'SIGKILL'): Promise<void> }): Promise<void> {
  const pid = (await serverPid(dataDir)) ?? 0;
  const children = execFileSync('pgrep', ['-P', String(pid)], { encoding: 'utf8' });
  killAll([...watchdogsOf(dataDir), pid, ...children.trim().split('\n').map(Number)]);
  await first.end('SIGKILL');
  await until(async () => (await serverPid(dataDir)) === undefined);
}

describe('the embedded PostgreSQL', () => {
  it('starts on an empty folder, and again with what was written', async () => {
    await empty(dataDir);
    const first = await startEmbeddedPostgres({ dataDir, settings });
    await query(first.url, 'CREATE TABLE kept AS SELECT 7 AS n');
    await first.stop();
    expect(await serverPid(dataDir)).toBeUndefined();

    const second = await startEmbeddedPostgres({ dataDir, settings });
    expect(await query(second.url, 'SELECT n FROM kept')).toEqual([{ n: 7 }]);
    await second.stop();
  });

  it('has the settings that the ledger relies on, and those it was given', async () => {
    const server = await startEmbeddedPostgres({ dataDir, settings: { max_connections: '30' } });
    const names = `'TimeZone', 'fsync', 'synchronous_commit', 'max_connections', 'listen_addresses',
      'password_encryption', 'server_encoding', 'data_checksums'`;
    const rows = await query<{ name: string; setting: string }>(
      server.url,
      `SELECT name, setting FROM pg_settings WHERE name IN (${names})`,
    );
    await server.stop();

    expect(Object.fromEntries(rows.map(({ name, setting }) => [name, setting]))).toEqual({
      TimeZone: 'UTC',
      fsync: 'on',
      synchronous_commit: 'on',
      max_connections: '30',
      listen_addresses: '127.0.0.1',
      password_encryption: 'scram-sha-256',
      server_encoding: 'UTF8',
      data_checksums: 'on',
    });
  });

  it('lets nobody in without the password, which only its owner can read', async () => {
    const server = await startEmbeddedPostgres({ dataDir, settings });
    const wrong = new URL(server.url);
    wrong.password = 'guess';
    await expect(query(wrong.href, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });
    await server.stop();

    expect((await stat(join(dataDir, 'postgres/password'))).mode & 0o777).toBe(0o600);
    expect((await stat(join(dataDir, 'postgres/server.log'))).mode & 0o777).toBe(0o600);
  });

  it('keeps every committed row when all its processes are killed at once', async () => {
    const first = await runProgram(program, dataDir);
    await query(first.url, 'CREATE TABLE kept AS SELECT 7 AS n');
    await killEverything(first);

    const second = await startEmbeddedPostgres({ dataDir, settings });
    expect(await query(second.url, 'SELECT n FROM kept')).toEqual([{ n: 7 }]);
    await second.stop();
  });

  it('starts although another process of its user has the number of the killed server', async () => {
    const first = await runProgram(program, dataDir);
    await killEverything(first);
    const { uid, gid } = await stat(join(dataDir, 'postgres/data'));
    const other = spawn('sleep', ['600'], { cwd: '/', stdio: 'ignore', uid, gid });
    const lockFile = join(dataDir, 'postgres/data/postmaster.pid');
    const stale = await readFile(lockFile, 'utf8');
    await writeFile(lockFile, stale.replace(/^\d+/, String(other.pid)));

    const second = await startEmbeddedPostgres({ dataDir, settings });
    expect(await query(second.url, 'SELECT 1 AS n')).toEqual([{ n: 1 }]);
    await second.stop();
    expect(other.exitCode).toBeNull();
    other.kill();
    await once(other, 'exit');
  });

  it('adopts the server that a killed process left running', async () => {
    const first = await runProgram(program, dataDir);
    const pid = await serverPid(dataDir);
    killAll(watchdogsOf(dataDir));
    await first.end('SIGKILL');
    expect(await serverPid(dataDir)).toBe(pid);

    const second = await startEmbeddedPostgres({ dataDir, settings });
    expect(await serverPid(dataDir)).toBe(pid);
    expect(second.url).toBe(first.url);
    await second.stop();
    expect(await serverPid(dataDir)).toBeUndefined();
  });

  it('takes a copy of the folder of a running server for what it is', async () => {
    const original = await startEmbeddedPostgres({ dataDir, settings });
    const copyDir = temporaryFolder();
    await cp(dataDir, copyDir, { recursive: true, preserveTimestamps: true });

    const copy = await startEmbeddedPostgres({ dataDir: copyDir, settings });
    expect(await serverPid(copyDir)).not.toBe(await serverPid(dataDir));
    await copy.stop();
    expect(await query(original.url, 'SELECT 1 AS n')).toEqual([{ n: 1 }]);
    await original.stop();
    await rm(copyDir, { recursive: true });
  });

  it.each(['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGKILL', 'exit', 'stop', 'nothing left'] as const)(
    'goes down with its process: %s',
    async (how) => {
      const only = await runProgram(program, dataDir);
      const pid = await serverPid(dataDir);
      expect(pid).toBeDefined();
      await only.end(how);

      await until(async () => (await serverPid(dataDir)) === undefined);
      await until(() => watchdogsOf(dataDir).length === 0);
    },
  );

  it('goes down only with the last process that uses it', async () => {
    const first = await runProgram(program, dataDir);
    const pid = await serverPid(dataDir);
    const second = await runProgram(program, dataDir);
    const third = await startEmbeddedPostgres({ dataDir, settings });
    expect([second.url, third.url]).toEqual([first.url, first.url]);

    await first.end('SIGKILL');
    await until(() => watchdogsOf(dataDir).length === 2);
    await second.end('stop');
    expect(await serverPid(dataDir)).toBe(pid);
    expect(await query(third.url, 'SELECT 1 AS n')).toEqual([{ n: 1 }]);

    await third.stop();
    expect(await serverPid(dataDir)).toBeUndefined();
  });

  it('stays for a process whose session was terminated', async () => {
    const one = await startEmbeddedPostgres({ dataDir, settings });
    const leases = "FROM pg_stat_activity WHERE application_name LIKE 'countonce lease%'";
    await query(one.url, `SELECT pg_terminate_backend(pid) ${leases}`);
    await until(async () => (await query(one.url, `SELECT 1 ${leases}`)).length === 1);
    const other = await startEmbeddedPostgres({ dataDir, settings });
    await other.stop();

    expect(await query(one.url, 'SELECT 1 AS n')).toEqual([{ n: 1 }]);
    await one.stop();
  });

  it('makes one cluster and one server for processes that start at the same time', async () => {
    await empty(dataDir);
    const all = await Promise.all(
      Array.from({ length: 5 }, async () => startEmbeddedPostgres({ dataDir, settings })),
    );
    expect(new Set(all.map((server) => server.url)).size).toBe(1);
    await Promise.all(all.map(async (server) => server.stop()));
    expect(await serverPid(dataDir)).toBeUndefined();
  });

  it('serves each of many processes that come while others go', async () => {
    const comeAndGo = async (): Promise<void> => {
      for (let visit = 0; visit < 6; visit += 1) {
        const server = await startEmbeddedPostgres({ dataDir, settings });
        expect(await query(server.url, 'SELECT 1 AS n')).toEqual([{ n: 1 }]);
        await server.stop();
      }
    };
    await Promise.all([comeAndGo(), comeAndGo(), comeAndGo()]);
    expect(await serverPid(dataDir)).toBeUndefined();
  });
});
