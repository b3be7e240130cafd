import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { createDataSource } from '../src/data-source.js';
import { startEmbeddedPostgres } from '../src/database/embedded-postgres.js';

/**
 * A clock that one statement moves, in place of PostgreSQL's own: these functions stand before
 * pg_catalog in the search path, and are there before the migrations, so that defaults of columns
 * are bound to them.
 */
const CLOCK = `
  CREATE SCHEMA storm;
  CREATE SEQUENCE storm.clock AS bigint MINVALUE 0 START 0;
  CREATE FUNCTION storm.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
    AS 'SELECT pg_catalog.to_timestamp(last_value / 1e6::double precision) FROM storm.clock';
  CREATE FUNCTION storm.now() RETURNS timestamptz LANGUAGE sql VOLATILE
    AS 'SELECT pg_catalog.to_timestamp(last_value / 1e6::double precision) FROM storm.clock'`;

/** What is made is made in `public`, as anywhere; the clock stands before that of PostgreSQL. */
const SEARCH_PATH = 'public, storm, pg_catalog';

/** One server and, on it, the migrated database that each history gets a copy of. */
export interface StormServer extends AsyncDisposable {
  readonly url: string;
  readonly template: string;
}

/** A database of one history. */
export interface StormDatabase extends AsyncDisposable {
  readonly url: string;
  /** For the storm itself: its clock, its checks. */
  readonly admin: pg.Client;
}

/** @param url A server that runs already; absent: an embedded one of the storm's own. */
export async function openStormServer(
  url = process.env['STORM_POSTGRES_URL'],
): Promise<StormServer> {
  const server = url === undefined ? await startOwnServer() : { url, stop: async () => undefined };
  const template = `countonce_storm_${process.pid}_${randomBytes(4).toString('hex')}`;
  try {
    await onServer(server.url, `CREATE DATABASE ${template}`);
    await onServer(urlOf(server.url, template), CLOCK);
    await onServer(server.url, `ALTER DATABASE ${template} SET search_path = ${SEARCH_PATH}`);
    const source = await createDataSource(urlOf(server.url, template)).initialize();
    await source.runMigrations().finally(() => source.destroy());
  } catch (error) {
    await server.stop();
    throw error;
  }
  return {
    url: server.url,
    template,
    async [Symbol.asyncDispose]() {
      await onServer(server.url, `DROP DATABASE IF EXISTS ${template} WITH (FORCE)`);
      await server.stop();
    },
  };
}

export async function createStormDatabase(
  server: Pick<StormServer, 'url' | 'template'>,
): Promise<StormDatabase> {
  const name = `${server.template}_${randomBytes(4).toString('hex')}`;
  await onServer(server.url, `CREATE DATABASE ${name} TEMPLATE ${server.template}`);
  // What a database is set to is not copied with it.
  await onServer(server.url, `ALTER DATABASE ${name} SET search_path = ${SEARCH_PATH}`);
  const url = urlOf(server.url, name);
  const admin = new pg.Client({ connectionString: url, options: '-c TimeZone=UTC' });
  await admin.connect();
  return {
    url,
    admin,
    async [Symbol.asyncDispose]() {
      await admin.end();
      await onServer(server.url, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    },
  };
}

async function startOwnServer(): Promise<{ url: string; stop(): Promise<void> }> {
  const dataDir = await mkdtemp(join(tmpdir(), 'countonce-storm-'));
  const settings = { fsync: 'off', full_page_writes: 'off', max_connections: '300' };
  const server = await startEmbeddedPostgres({ dataDir, settings });
  return {
    url: server.url,
    stop: async () => {
      await server.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

function urlOf(serverUrl: string, database: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${database}`;
  return url.href;
}

async function onServer(url: string, sql: string): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  await client.query(sql).finally(() => client.end());
}
