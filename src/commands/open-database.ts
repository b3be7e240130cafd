import type { Config } from '../config/config.js';
import { createDataSource } from '../data-source.js';
import { startEmbeddedPostgres } from '../database/embedded-postgres.js';
import { Connections } from '../database/connections.js';
import { isMigrated } from '../database/migrated.js';

/** The database a command works on, and how to let go of it. */
export interface OpenDatabase {
  readonly url: string;
  readonly embedded: boolean;
  close(): Promise<void>;
}

/** The database of DATABASE_URL, or the embedded one in DATA_DIR, which is migrated on the way. */
export async function openDatabase(config: Readonly<Config>): Promise<OpenDatabase> {
  if (config.DATABASE_URL !== undefined) {
    return { url: config.DATABASE_URL, embedded: false, close: () => Promise.resolve() };
  }
  const postgres = await startEmbeddedPostgres({ dataDir: config.DATA_DIR });
  try {
    await migrate(postgres.url);
  } catch (error) {
    await postgres.stop();
    throw error;
  }
  return { url: postgres.url, embedded: true, close: () => postgres.stop() };
}

/** Runs the migrations that have not been run. @returns Their names. */
export async function migrate(url: string): Promise<string[]> {
  const source = await createDataSource(url).initialize();
  try {
    // Two processes that start at once must not both migrate.
    const runner = source.createQueryRunner();
    await runner.connect();
    try {
      await runner.query('SELECT pg_advisory_lock(7126350911848277)');
      return (await source.runMigrations()).map((migration) => migration.name);
    } finally {
      await runner.query('SELECT pg_advisory_unlock(7126350911848277)').catch(() => undefined);
      await runner.release();
    }
  } finally {
    await source.destroy();
  }
}

/** @throws Error that says what to run where the schema is not that of this version. */
export async function requireMigrated(url: string): Promise<void> {
  const connections = new Connections(url, 'start', 1);
  try {
    if (!(await isMigrated(connections))) {
      throw new Error('The database is not migrated. Run `countonce migrate` and start again.');
    }
  } finally {
    await connections.end();
  }
}
