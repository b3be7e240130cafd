import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';
import { citusWorkers } from './citus-template.js';
import { onServer as onServerAt } from './on-server.js';

/** A migrated, empty database of one's own. */
export interface TestDatabase extends AsyncDisposable {
  readonly url: string;
  readonly pool: pg.Pool;
}

/** A server, and the migrated, empty database on it that every test database is a copy of. */
export interface TestServer {
  readonly url: string;
  readonly template: string;
}

let chosen: TestServer | undefined;

/** Has the databases of this test file made on another server than that of the run. */
export function useServer(server: TestServer): void {
  chosen = server;
}

function testServer(): TestServer {
  return chosen ?? { url: inject('testServerUrl'), template: inject('testTemplate') };
}

/** Makes a copy of the template, in about 10 ms; `await using` drops it at the end. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const { url: serverUrl, template } = testServer();
  const name = template.replace(/_[0-9a-f]+_template$/, `_${randomBytes(6).toString('hex')}`);
  await onNodes(`CREATE DATABASE ${name} TEMPLATE ${template}`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  const pool = new pg.Pool({ connectionString: url.href, max: 20 });
  // Sessions that a test left in the pool are cut off when the database is dropped.
  pool.on('error', () => undefined);
  return {
    url: url.href,
    pool,
    async [Symbol.asyncDispose]() {
      await pool.end();
      await onNodes(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    },
  };
}

/** On a Citus each node has a part of the database. */
export async function onNodes(sql: string): Promise<void> {
  const { url: serverUrl } = testServer();
  const nodes = chosen === undefined ? [serverUrl, ...citusWorkers()] : [serverUrl];
  await Promise.all(nodes.map((node) => onServerAt(node, (server) => server.query(sql))));
}

/** Does something on the server, outside of every test database. */
export function onServer<T>(work: (server: pg.Client) => Promise<T>): Promise<T> {
  return onServerAt(testServer().url, work);
}
