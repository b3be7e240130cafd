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
 */
export async function waitForSchema(
  url: string,
  { PORT, HOST }: Pick<Config, 'PORT' | 'HOST'>,
  logger: Readonly<Record<'warn', (facts: object, message: string) => void>>,
): Promise<void> {
  const connections = new Connections(url, 'start', 1, undefined, {
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
  });
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
    while (!(await look())) await sleep(POLL_MS);
  } finally {
    await room.close();
    await connections.end();
  }
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
