import { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { Cluster } from './cluster.js';
import { EmbeddedPostgresError } from './embedded-postgres-error.js';
import { SUPERUSER } from './initdb.js';

/** The advisory lock that every process using the server holds shared, in the database `postgres`. */
export const LEASE_LOCK = 770_017_001;
const DATABASE = 'countonce';
const RECONNECT_MS = 1_000;

/** That this process uses the server: a session that ends with the process, however it ends. */
export interface Lease {
  readonly url: string;
  end(): Promise<void>;
}

/**
 * Takes part in the server on that port.
 *
 * @returns undefined while it does not take connections: it is starting or going down.
 * @throws EmbeddedPostgresError where it does not accept our password.
 */
export async function takeLease(
  cluster: Cluster,
  port: number,
  name: string,
): Promise<Lease | undefined> {
  const connect = async (): Promise<Session> => openSession(cluster, port, name);
  let session: Session;
  try {
    session = await connect();
    await createDatabase(session.client);
  } catch (error) {
    if ((error as pg.DatabaseError).code?.startsWith('28')) {
      throw new EmbeddedPostgresError(
        `The running PostgreSQL does not accept the password in ${cluster.folder}/password. ` +
          'Put the file back as it was, or stop that server.',
        { cause: error },
      );
    }
    return undefined;
  }
  const kept = keepOpen(session, connect);
  return {
    url: `postgres://${SUPERUSER}:${cluster.password}@127.0.0.1:${port}/${DATABASE}?sslmode=disable`,
    end: () => kept.end(),
  };
}

interface Session {
  readonly client: pg.Client;
  readonly socket: Socket;
}

async function openSession(cluster: Cluster, port: number, name: string): Promise<Session> {
  const socket = new Socket();
  const client = new pg.Client({
    host: '127.0.0.1',
    port,
    user: SUPERUSER,
    password: cluster.password,
    database: 'postgres',
    application_name: name,
    ssl: false,
    connectionTimeoutMillis: 5_000,
    keepAlive: true,
    stream: () => socket,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    // Waits while a watchdog stops the server, and then fails with it.
    await client.query('SELECT pg_advisory_lock_shared($1)', [LEASE_LOCK]);
    return { client, socket };
  } catch (error) {
    await client.end().catch(() => undefined);
    throw error;
  }
}

/** Renews a session that someone terminated, so that the server stays while we use it. */
function keepOpen(first: Session, connect: () => Promise<Session>) {
  let session = first;
  let ending = false;
  const watch = (): void => {
    // What keeps the process alive is its work, not this.
    session.socket.unref();
    session.client.once('end', () => void renew());
  };
  const renew = async (): Promise<void> => {
    while (!ending) {
      await sleep(RECONNECT_MS, undefined, { ref: false });
      try {
        session = await connect();
        if (ending) await session.client.end();
        else watch();
        return;
      } catch {
        continue;
      }
    }
  };
  watch();
  return {
    async end() {
      ending = true;
      session.socket.ref();
      await session.client.end().catch(() => undefined);
    },
  };
}

async function createDatabase(session: pg.Client): Promise<void> {
  const { rowCount } = await session.query('SELECT 1 FROM pg_database WHERE datname = $1', [
    DATABASE,
  ]);
  if (rowCount) return;
  try {
    await session.query(`CREATE DATABASE ${DATABASE}`);
  } catch (error) {
    // Another process was first: duplicate_database, or unique_violation where both were at it.
    if (!['42P04', '23505'].includes((error as pg.DatabaseError).code ?? '')) throw error;
  }
}
