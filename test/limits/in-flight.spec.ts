import { connect } from 'node:net';
import { fastify, type FastifyInstance } from 'fastify';
import { afterEach, describe, expect, it } from 'vitest';
import { InFlight } from '../../src/access/in-flight.js';
import { Metrics } from '../../src/metrics/metrics.js';
import { sendProblem } from '../../src/problem/send-problem.js';

const LIMITS = { max: 4, perKeyMax: 2 };

interface Waiting {
  readonly server: FastifyInstance;
  readonly inFlight: InFlight;
  readonly port: number;
  /** Handlers that wait, in the order they came. */
  readonly handlers: (() => void)[];
}

const servers: FastifyInstance[] = [];
afterEach(() => Promise.all(servers.splice(0).map((server) => server.close())));

/** Answers under /v1 when it is told to; the header `key` says whose request it is. */
async function startWaiting(): Promise<Waiting> {
  const server = fastify({ forceCloseConnections: true });
  const inFlight = new InFlight(new Metrics(), LIMITS);
  const handlers: (() => void)[] = [];
  server.decorateRequest('principal', undefined);
  server.setErrorHandler((error, request, reply) => sendProblem(error, request, reply));
  inFlight.registerAll(server);
  server.addHook('onRequest', async (request) => {
    const keyId = request.headers['key'];
    if (typeof keyId === 'string') request.principal = { tenantId: 't', keyId, scopes: [] };
  });
  inFlight.registerKeys(server);
  server.get('/v1/wait', async () => {
    await new Promise<void>((resolve) => handlers.push(resolve));
    return { waited: true };
  });
  server.get('/health', async () => ({ live: true }));
  await server.listen({ port: 0, host: '127.0.0.1' });
  servers.push(server);
  const { port } = server.server.address() as { port: number };
  return { server, inFlight, port, handlers };
}

const get = (port: number, path: string, key: string) =>
  fetch(`http://127.0.0.1:${port}${path}`, { headers: { key } });

const request = (key: string) => `GET /v1/wait HTTP/1.1\r\nHost: x\r\nKey: ${key}\r\n\r\n`;

describe('requests at once', () => {
  it('over the bound are 503 with Retry-After, health is not, and who waited is answered', async () => {
    const { inFlight, port, handlers } = await startWaiting();
    const waiting = ['a', 'a', 'b', 'b'].map((key) => get(port, '/v1/wait', key));
    await expect.poll(() => handlers.length).toBe(LIMITS.max);

    const refused = await get(port, '/v1/wait', 'c');
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await refused.json()).toMatchObject({ code: 'overloaded' });
    expect((await get(port, '/health', 'c')).status).toBe(200);

    for (const answer of handlers) answer();
    const statuses = (await Promise.all(waiting)).map(({ status }) => status);
    expect(statuses).toEqual([200, 200, 200, 200]);
    await expect.poll(() => inFlight.size).toBe(0);
    const free = get(port, '/v1/wait', 'c');
    await expect.poll(() => handlers.length).toBe(5);
    handlers[4]!();
    expect((await free).status).toBe(200);
  });

  it('of one key leave places for others', async () => {
    const { port, handlers } = await startWaiting();
    const waiting = ['a', 'a'].map((key) => get(port, '/v1/wait', key));
    await expect.poll(() => handlers.length).toBe(LIMITS.perKeyMax);

    expect((await get(port, '/v1/wait', 'a')).status).toBe(503);
    const other = get(port, '/v1/wait', 'b');
    await expect.poll(() => handlers.length).toBe(3);
    for (const answer of handlers) answer();
    expect((await Promise.all([...waiting, other])).map(({ status }) => status)).toEqual([
      200, 200, 200,
    ]);
  });

  it('keep their places while they are worked on, though the client has hung up', async () => {
    const { inFlight, port, handlers } = await startWaiting();
    const socket = connect(port, '127.0.0.1');
    socket.write(request('a'));
    await expect.poll(() => handlers.length).toBe(1);
    socket.destroy();
    const closed = new Promise((resolve) => socket.once('close', resolve));
    await closed;
    // Another request tells that the server has seen the end of the connection by now.
    await get(port, '/health', 'a');
    expect(inFlight.size).toBe(1);

    handlers[0]!();
    await expect.poll(() => inFlight.size).toBe(0);
  });

  it('that wait behind others on one connection leave with it', async () => {
    const { inFlight, port, handlers } = await startWaiting();
    const socket = connect(port, '127.0.0.1');
    socket.write(request('a') + request('b') + request('c'));
    await expect.poll(() => handlers.length).toBe(3);
    // The last two are answered, and their answers wait for the first one's.
    handlers[1]!();
    handlers[2]!();
    await get(port, '/health', 'a');
    expect(inFlight.size).toBe(3);
    socket.destroy();
    await expect.poll(() => inFlight.size).toBe(1);
    handlers[0]!();
    await expect.poll(() => inFlight.size).toBe(0);
  });
});
