import { execFile, spawn } from 'node:child_process';
import { appendFileSync, chownSync, mkdirSync, openSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { freePort } from '../../src/database/embedded/postmaster.js';
import { chooseServerUser, serverEnvironment } from '../../src/database/embedded/server-user.js';
import { removeFolder, temporaryFolder } from './temporary-folder.js';

const run = promisify(execFile);

const DEBIAN = '/usr/lib/postgresql';
const START_MS = 60_000;
const POLL_MS = 50;

/**
 * The newest PostgreSQL that the distribution has installed with its server and its clients, which the
 * embedded one comes without.
 *
 * @returns The folder of its programs.
 */
export function distributionPrograms(): string | undefined {
  try {
    return readdirSync(DEBIAN)
      .toSorted((a, b) => Number(b) - Number(a))
      .map((version) => `${DEBIAN}/${version}/bin`)
      .find((folder) => readdirSync(folder).includes('initdb'));
  } catch {
    return undefined;
  }
}

/** A server of the distribution's, of a test's own, as an ordinary user. */
export class DistributionPostgres implements AsyncDisposable {
  private postmaster: { readonly pid: number; hasEnded: boolean } | undefined;

  private constructor(
    private readonly programs: string,
    private readonly folder: string,
    private readonly user: { uid: number; gid: number } | undefined,
    readonly port: number,
  ) {}

  /** @param settings As in postgresql.conf, e.g. `fsync = off`. */
  static async start(settings: readonly string[]): Promise<DistributionPostgres> {
    const server = await DistributionPostgres.prepare();
    await server.run('initdb', ['-D', server.data, '-U', 'tester', '-A', 'trust', '-E', 'UTF8']);
    await server.startWith(settings);
    return server;
  }

  /** A standby of this server: a copy that follows it. */
  async standby(name: string): Promise<DistributionPostgres> {
    const standby = await DistributionPostgres.prepare();
    const source = `host=127.0.0.1 port=${this.port} user=tester application_name=${name}`;
    await standby.run('pg_basebackup', ['-d', source, '-D', standby.data, '-R', '-c', 'fast']);
    await standby.startWith([]);
    return standby;
  }

  get url(): string {
    return `postgres://tester@127.0.0.1:${this.port}/postgres`;
  }

  async promote(): Promise<void> {
    await this.run('pg_ctl', ['promote', '-w', '-D', this.data]);
  }

  /** Starts it again on what it left. */
  async restart(): Promise<void> {
    await this.startWith([]);
  }

  /** @param signal SIGTERM and SIGINT end it in order, SIGQUIT and SIGKILL as a crash does. */
  async stop(signal: 'SIGINT' | 'SIGKILL' | 'SIGQUIT'): Promise<void> {
    const { postmaster } = this;
    if (postmaster === undefined) return;
    if (!postmaster.hasEnded) process.kill(postmaster.pid, signal);
    while (!postmaster.hasEnded) await sleep(POLL_MS);
    this.postmaster = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop('SIGQUIT');
    removeFolder(this.folder);
  }

  private static async prepare(): Promise<DistributionPostgres> {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'postgres'));
    const user = await chooseServerUser(folder, join(folder, 'postgres/data'));
    if (user !== undefined) {
      for (const path of [folder, join(folder, 'postgres')]) chownSync(path, user.uid, user.gid);
    }
    const programs = distributionPrograms();
    if (programs === undefined) throw new Error(`there is no PostgreSQL in ${DEBIAN}`);
    return new DistributionPostgres(programs, folder, user, await freePort());
  }

  private get data(): string {
    return join(this.folder, 'postgres/data');
  }

  private async run(program: string, args: readonly string[]): Promise<void> {
    const options = { env: serverEnvironment(), cwd: '/', ...this.user };
    await run(join(this.programs, program), [...args], options);
  }

  private async startWith(settings: readonly string[]): Promise<void> {
    const own = [`port = ${this.port}`, `listen_addresses = '127.0.0.1'`, 'fsync = off'];
    const lines = [...own, `unix_socket_directories = ''`, ...settings].join('\n');
    appendFileSync(join(this.data, 'postgresql.conf'), `${lines}\n`);
    const log = openSync(join(this.folder, 'server.log'), 'a');
    const child = spawn(join(this.programs, 'postgres'), ['-D', this.data], {
      env: serverEnvironment(),
      cwd: '/',
      stdio: ['ignore', log, log],
      ...this.user,
    });
    const postmaster = { pid: child.pid!, hasEnded: false };
    child.once('exit', () => (postmaster.hasEnded = true));
    this.postmaster = postmaster;
    await this.untilReady();
  }

  private async untilReady(): Promise<void> {
    const deadline = Date.now() + START_MS;
    for (;;) {
      const client = new pg.Client(this.url);
      client.on('error', () => undefined);
      try {
        await client.connect();
        return await client.end();
      } catch (error) {
        if (this.postmaster?.hasEnded === true || Date.now() > deadline) throw error;
        await sleep(POLL_MS);
      }
    }
  }
}
