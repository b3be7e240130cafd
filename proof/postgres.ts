import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';
import pg from 'pg';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../src/database/embedded-postgres.js';
import { readLockFile, type ServerSettings } from '../src/database/embedded/postmaster.js';

const POLL_MS = 20;
/** Autovacuum's own naptime. It counts anew after each crash, so that here it would never begin. */
const VACUUM_MS = 60_000;
/** Whose sessions are the product's, and not the proof's own. */
const OWN_NAME = 'proof';

/**
 * A PostgreSQL of the proof's own, as an ordinary user and with everything that makes a commit last,
 * that can be brought down in the two ways in which a server goes down without a word.
 */
export class ProofPostgres implements AsyncDisposable {
  /** Another port after each start: who wants to reach it asks anew. */
  private server: EmbeddedPostgres;
  isUp = true;
  private vacuumedAt = Date.now();

  private constructor(
    private readonly dataDir: string,
    private readonly settings: ServerSettings,
    first: EmbeddedPostgres,
  ) {
    this.server = first;
  }

  static async start(dataDir: string, settings: ServerSettings): Promise<ProofPostgres> {
    const first = await startEmbeddedPostgres({ dataDir, settings });
    return new ProofPostgres(dataDir, settings, first);
  }

  get port(): number {
    return Number(new URL(this.server.url).port);
  }

  /** Of the database, through another port. */
  urlThrough(port: number): string {
    const url = new URL(this.server.url);
    url.port = String(port);
    return url.href;
  }

  get url(): string {
    return this.server.url;
  }

  get logFile(): string {
    return join(this.dataDir, 'postgres/server.log');
  }

  /**
   * Takes the server down and starts it on what it left.
   *
   * @param how `SIGQUIT` is what `pg_ctl stop -m immediate` sends: no checkpoint, no good-bye.
   */
  async crash(how: 'SIGQUIT' | 'SIGKILL'): Promise<void> {
    this.isUp = false;
    const { pid } = (await this.lockFile()) ?? {};
    if (pid !== undefined) {
      process.kill(pid, how);
      while (isAlive(pid)) await sleep(POLL_MS);
    }
    await this.server.stop();
    this.server = await startEmbeddedPostgres({ dataDir: this.dataDir, settings: this.settings });
    this.isUp = true;
    if (Date.now() - this.vacuumedAt < VACUUM_MS) return;
    this.vacuumedAt = Date.now();
    // The next crash may end it.
    this.query('VACUUM (ANALYZE)').catch(() => undefined);
  }

  /** Kills one of the product's sessions; PostgreSQL then restarts all the others, and recovers. */
  async killBackend(choose: (pids: readonly number[]) => number): Promise<boolean> {
    const rows = await this.query<{ pid: number }>(
      `SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'
          AND application_name LIKE 'countonce %' AND application_name NOT LIKE 'countonce lease %'
        ORDER BY (state = 'active') DESC, backend_start LIMIT 8`,
    );
    if (rows.length === 0) return false;
    process.kill(choose(rows.map(({ pid }) => pid)), 'SIGKILL');
    return true;
  }

  async query<Row extends object>(sql: string, parameters: unknown[] = []): Promise<Row[]> {
    const client = await this.connect();
    try {
      return (await client.query<Row>(sql, parameters)).rows;
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  /** For the proof itself, past every proxy. */
  async connect(): Promise<pg.Client> {
    const client = new pg.Client({
      connectionString: this.url,
      application_name: OWN_NAME,
      connectionTimeoutMillis: 10_000,
      options: '-c TimeZone=UTC -c DateStyle=ISO',
    });
    // A session that is cut off is told by the query that it was to answer.
    client.on('error', () => undefined);
    await client.connect();
    return client;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.stop();
  }

  private lockFile(): ReturnType<typeof readLockFile> {
    return readLockFile(join(this.dataDir, 'postgres/data'));
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
