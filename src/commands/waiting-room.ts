import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import fastify, { type FastifyInstance } from 'fastify';
import type { Config } from '../config/config.js';
import { Connections, type Queryable } from '../database/connections.js';
import { isMigrated } from '../database/migrated.js';
import { Problem } from '../problem/problem.js';
import { registerSecurityHeaders } from '../problem/security-headers.js';
import { instanceOf, PROBLEM_CONTENT_TYPE } from '../problem/send-problem.js';
import { serverProblems } from '../problem/server-problems.js';
import { MIGRATED } from './open-database.js';

const POLL_MS = 1_000;
const STATEMENT_TIMEOUT_MS = 5_000;
const NOT_MIGRATED = 'the database is not migrated; run countonce migrate';

/**
 * Waits until the database has the schema of this version. Meanwhile the process is alive and not
 * ready, and does nothing else: a new version may be started before its migrations have run.
 *
 * @returns Whether it has; not where a signal ended the wait.
 */
export async function waitForSchema(
  url: string,
  { PORT, HOST }: Pick<Config, 'PORT' | 'HOST'>,
  logger: Readonly<Record<'warn' | 'info', (facts: object, message: string) => void>>,
): Promise<boolean> {
  const stopped = new AbortController();
  const stop = (): void => stopped.abort();
  // More than one may come: npm passes on the Ctrl-C that the terminal has sent to all.
  process.on('SIGTERM', stop).on('SIGINT', stop);
  const ended = new Promise<boolean>((resolve) =>
    stopped.signal.addEventListener('abort', () => resolve(false), { once: true }),
  );
  const connections = new Connections(url, 'start', 1, undefined, STATEMENT_TIMEOUT_MS);
  let toldFault = false;
  // A database that went away meanwhile may come back with the schema.
  const look = (): Promise<boolean> =>
    hasBeenMigrated(connections).catch((err: unknown) => {
      if (!toldFault) logger.warn({ err }, 'the database cannot be asked; it is asked again');
      toldFault = true;
      return false;
    });
  const room = openRoom();
  try {
    const address = await room.listen({ port: PORT, host: HOST });
    logger.warn({ url: address }, `${NOT_MIGRATED}; it is waited for`);
    while (!stopped.signal.aborted) {
      if (await Promise.race([look(), ended])) break;
      await sleep(POLL_MS, undefined, { signal: stopped.signal }).catch(() => undefined);
    }
  } finally {
    await room.close();
    // Whoever is to stop waits for no statement.
    await Promise.race([connections.end(), ended]);
    process.off('SIGTERM', stop).off('SIGINT', stop);
  }
  if (stopped.signal.aborted) logger.info({}, 'stopped');
  return !stopped.signal.aborted;
}

async function hasBeenMigrated(db: Queryable): Promise<boolean> {
  if (!(await isMigrated(db))) return false;
  const [row] = await db.query<{ free: boolean }>(MIGRATED);
  return row!.free;
}

function openRoom(): FastifyInstance {
  // Whoever asks has its connection cut at the end, so that the port is free at once.
  const room = fastify({
    ...serverProblems,
    genReqId: () => randomUUID(),
    forceCloseConnections: true,
  });
  registerSecurityHeaders(room);
  room.addHook('onRequest', async (request, reply) => {
    const [path] = request.url.split('?');
    const reads = request.method === 'GET' || request.method === 'HEAD';
    if (reads && path === '/health/live') return;
    const problem = new Problem('service_unavailable', NOT_MIGRATED);
    return reply
      .code(problem.status)
      .headers(problem.headers)
      .header('content-type', PROBLEM_CONTENT_TYPE)
      .send(Buffer.from(JSON.stringify(problem.toDocument(instanceOf(request)))));
  });
  room.setNotFoundHandler(() => undefined);
  room.get('/health/live', () => ({ status: 'live' }));
  return room;
}
