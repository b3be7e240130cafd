import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import pg from 'pg';
import { migrate } from '../../src/commands/open-database.js';
import {
  startEmbeddedPostgres,
  type EmbeddedPostgres,
} from '../../src/database/embedded-postgres.js';
import { readLockFile } from '../../src/database/embedded/postmaster.js';
import type { Watched } from './process-watch.js';

const TEMPLATE = 'bench_template';

/** A database of one benchmark's own, migrated and empty. */
export interface BenchDatabase extends AsyncDisposable {
  readonly url: string;
  /** As the owner of the tables. */
  readonly pool: pg.Pool;
}

/** The embedded PostgreSQL with the settings that it has in production, which make commits last. */
export class BenchPostgres implements AsyncDisposable {
  private constructor(
    private readonly server: EmbeddedPostgres,
    readonly pid: number,
  ) {}

  /** @param commitMs Added to each commit's flush. */
  static async start(dataDir: string, commitMs: number): Promise<BenchPostgres> {
    const server = await startEmbeddedPostgres({ dataDir });
    const lock = await readLockFile(join(dataDir, 'postgres/data'));
    const postgres = new BenchPostgres(server, lock!.pid);
    await postgres.setCommitMs(commitMs);
    await postgres.ask(`CREATE DATABASE ${TEMPLATE}`);
    await migrate(postgres.urlOf(TEMPLATE));
    return postgres;
  }

  get watched(): Watched {
    return { name: 'postgres', pid: this.pid, withChildren: true };
  }

  /** A slow disk: whoever is about to flush a commit waits so long before. From now on, for all. */
  async setCommitMs(ms: number): Promise<void> {
    await this.ask(`ALTER SYSTEM SET commit_delay = ${Math.round(ms * 1_000)}`);
    await this.ask('ALTER SYSTEM SET commit_siblings = 0');
    await this.ask('SELECT pg_reload_conf()');
  }

  async createDatabase(): Promise<BenchDatabase> {
    const name = `bench_${randomBytes(6).toString('hex')}`;
    await this.ask(`CREATE DATABASE ${name} TEMPLATE ${TEMPLATE}`);
    const url = this.urlOf(name);
    const pool = new pg.Pool({ connectionString: url, max: 8, options: '-c TimeZone=UTC' });
    // What is cut off at the end is told by the statement that it was to answer.
    pool.on('error', () => undefined);
    return {
      url,
      pool,
      [Symbol.asyncDispose]: async () => {
        await pool.end();
        await this.ask(`DROP DATABASE ${name} WITH (FORCE)`);
      },
    };
  }

  /** So that what the rounds before left to be written is no burden of the next one. */
  async checkpoint(): Promise<void> {
    await this.ask('CHECKPOINT');
  }

  async setting(name: string): Promise<string> {
    const [row] = await this.ask<{ value: string }>(`SELECT current_setting('${name}') AS value`);
    return row!.value;
  }

  /** One row a commit, one after the other. @returns Milliseconds of each. */
  async commitLatencies(count: number): Promise<number[]> {
    const client = await this.connect();
    try {
      await client.query('CREATE TABLE flushed (at timestamptz)');
      const latenciesMs: number[] = [];
      for (let i = 0; i < count; i++) {
        const from = performance.now();
        await client.query('INSERT INTO flushed VALUES (now())');
        latenciesMs.push(performance.now() - from);
      }
      await client.query('DROP TABLE flushed');
      return latenciesMs;
    } finally {
      await client.end();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.stop();
  }

  private urlOf(database: string): string {
    const url = new URL(this.server.url);
    url.pathname = `/${database}`;
    return url.href;
  }

  private async ask<Row extends object>(sql: string): Promise<Row[]> {
    const client = await this.connect();
    try {
      return (await client.query<Row>(sql)).rows;
    } finally {
      await client.end();
    }
  }

  private async connect(): Promise<pg.Client> {
    const client = new pg.Client(this.server.url);
    client.on('error', () => undefined);
    await client.connect();
    return client;
  }
}
