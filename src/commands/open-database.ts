import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../config/config.js';
import { createDataSource } from '../data-source.js';
import { startEmbeddedPostgres } from '../database/embedded-postgres.js';
import { Connections, sqlState } from '../database/connections.js';
import { isMigrated } from '../database/migrated.js';
import { setUpRoles } from '../database/roles.js';
import { CommandFailure } from './command-failure.js';

/** The database a command works on, and how to let go of it. */
export interface OpenDatabase {
  readonly url: string;
  readonly embedded: boolean;
  /** The migrations that were run on the way. */
  readonly migrated: readonly string[];
  close(): Promise<void>;
}

/** The database of DATABASE_URL, or the embedded one in DATA_DIR, which is migrated on the way. */
export async function openDatabase(config: Readonly<Config>): Promise<OpenDatabase> {
  if (config.DATABASE_URL !== undefined) {
    return {
      url: config.DATABASE_URL,
      embedded: false,
      migrated: [],
      close: () => Promise.resolve(),
    };
  }
  const postgres = await startEmbeddedPostgres({ dataDir: config.DATA_DIR });
  try {
    const migrated = await migrate(postgres.url);
    return { url: postgres.url, embedded: true, migrated, close: () => postgres.stop() };
  } catch (error) {
    await postgres.stop();
    throw error;
  }
}

/** Held by whoever migrates, until the roles are there as well. */
const MIGRATING = 'SELECT pg_advisory_lock(7126350911848277)';
/** Whether nobody migrates. */
export const MIGRATED = 'SELECT pg_try_advisory_xact_lock_shared(7126350911848277) AS free';

/** Runs the migrations that have not been run. @returns Their names. */
export async function migrate(url: string): Promise<string[]> {
  const source = await createDataSource(url)
    .initialize()
    .catch((error: unknown) => {
      throw notReachable(error);
    });
  try {
    // Two processes that start at once must not both migrate.
    const runner = source.createQueryRunner();
    await runner.connect();
    try {
      await runner.query(MIGRATING);
      const run = await source.runMigrations();
      await source.transaction((owner) => setUpRoles(owner));
      return run.map((migration) => migration.name);
    } finally {
      await runner.query('SELECT pg_advisory_unlock(7126350911848277)').catch(() => undefined);
      await runner.release();
    }
  } finally {
    await source.destroy();
  }
}

/** PostgreSQL is starting, or recovers from a crash, and says so. */
const CANNOT_CONNECT_NOW = '57P03';
/** As long as the recovery of a busy server may take; a supervisor would only start us again and again. */
const STARTING_MAX_MS = 300_000;
const STARTING_POLL_MS = 500;

/**
 * Waits for a PostgreSQL that is just starting.
 *
 * @throws CommandFailure that says what to do where the schema is not that of this version.
 */
export async function requireMigrated(url: string): Promise<void> {
  if (await hasSchema(url)) return;
  throw new CommandFailure(
    'The database is not migrated. Run `countonce migrate` and start again.',
    'not_migrated',
  );
}

/** Whether the schema is that of this version, once a PostgreSQL that is just starting has started. */
export async function hasSchema(url: string): Promise<boolean> {
  const connections = new Connections(url, 'start', 1);
  try {
    const deadline = performance.now() + STARTING_MAX_MS;
    while ((await isStarting(connections)) && performance.now() < deadline) {
      await sleep(STARTING_POLL_MS);
    }
    return await isMigrated(connections);
  } catch (error) {
    throw notReachable(error);
  } finally {
    await connections.end();
  }
}

async function isStarting(connections: Connections): Promise<boolean> {
  try {
    await connections.query('SELECT');
    return false;
  } catch (error) {
    if (sqlState(error) === CANNOT_CONNECT_NOW) return true;
    throw error;
  }
}

/** What the driver said of a database that it could not work on, and what to look at. */
function notReachable(cause: unknown): CommandFailure {
  return new CommandFailure(
    `The database of DATABASE_URL cannot be used (${driverMessage(cause)}). Look at DATABASE_URL ` +
      'and whether PostgreSQL runs there.',
    'database_not_reachable',
    { cause },
  );
}

/** Words for an error of the driver. */
export function driverMessage(error: unknown): string {
  // Of several addresses that were tried, Node says nothing itself.
  if (error instanceof AggregateError) return error.errors.map(driverMessage).join('; ');
  return error instanceof Error ? error.message : String(error);
}
