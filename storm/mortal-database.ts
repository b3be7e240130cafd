import type pg from 'pg';
import type { Connections } from '../src/database/connections.js';
import { Database } from '../src/database/database.js';
import { never, type Life } from './life.js';

const CONNECTIONS = 2;

/** What stands in a client, though its types do not say so. */
interface ClientInside {
  readonly connection: { readonly stream: { destroy(): void } };
}

type AnyQuery = (...parameters: unknown[]) => unknown;

/**
 * The database of one process. At a kill its sockets close at once, and no query gets out any more.
 *
 * @param rewrite Changes a statement on its way out: how wrong variants are made.
 */
export function mortalDatabase(
  url: string,
  life: Life,
  rewrite: (sql: string) => string = (sql) => sql,
): Database {
  const db = new Database(url, CONNECTIONS);
  for (const connections of [db.work, db.recording, db.health]) {
    makeMortal(connections, life, rewrite);
  }
  return db;
}

function makeMortal(connections: Connections, life: Life, rewrite: (sql: string) => string): void {
  const pool = connections['pool'];
  const clients = new Set<pg.PoolClient>();
  pool.on('connect', (client) => {
    clients.add(client);
    instrument(client, life, rewrite);
  });
  pool.on('remove', (client) => clients.delete(client));
  life.onKill(() => {
    for (const client of clients) {
      (client as unknown as ClientInside).connection.stream.destroy();
    }
    Object.assign(pool, { connect: never, query: never });
  });
}

function instrument(client: pg.PoolClient, life: Life, rewrite: (sql: string) => string): void {
  const send = client.query.bind(client) as AnyQuery;
  const query: AnyQuery = (sql, ...rest) => {
    const text = typeof sql === 'string' ? rewrite(sql) : sql;
    const name = nameOf(text);
    if (!life.pass('before query', name)) return never();
    const result = send(text, ...rest);
    if (life.pass('after query', name)) return result;
    // The bytes are on their way, and what they ask for is done; its answer finds nobody.
    if (result instanceof Promise) result.catch(() => undefined);
    return never();
  };
  Object.assign(client, { query });
}

/** The verb and the table: enough to see in a trace where a process died. */
function nameOf(sql: unknown): string {
  if (typeof sql !== 'string') return '';
  const words =
    /\b(BEGIN|COMMIT|ROLLBACK|INSERT INTO \w+|UPDATE \w+|DELETE FROM \w+|FROM \w+)/.exec(sql);
  return words?.[0] ?? sql.trim().slice(0, 30);
}
