import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, expect, inject, it } from 'vitest';
import { builtCli } from '../support/built-cli.js';
import { startCli } from './cli.js';

/** What the contract lets a process take from SIGTERM to its end. */
const END_MAX_MS = 10_000;

const UNDEFINED_TABLE = '42P01';

/** Stands before PostgreSQL; once told to, it swallows all that is said. */
async function silenceableServer(databaseUrl: string) {
  const target = new URL(databaseUrl);
  let isSilent = false;
  let answers = 0;
  let answered = (): void => undefined;
  /** Once at the start, and then in the room: its connection is there. */
  const askedTwice = new Promise<void>((resolve) => (answered = resolve));
  let swallow = (): void => undefined;
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      from.on('error', () => undefined);
      from.on('close', () => to.destroy());
      from.on('data', (chunk) => void (isSilent ? swallow() : to.write(chunk)));
    }
    upstream.on('data', (chunk: Buffer) => {
      if (chunk.includes(UNDEFINED_TABLE) && (answers += 1) === 2) answered();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = new URL(target);
  url.port = String((server.address() as AddressInfo).port);
  /** @returns When something was said to it in vain. */
  const silence = () =>
    new Promise<void>((resolve) => {
      swallow = resolve;
      isSilent = true;
    });
  return { url, askedTwice, silence, [Symbol.dispose]: () => void server.close() };
}

beforeAll(() => builtCli(), 240_000);

it('ends in time though its database is silent, and though it is told to twice', async () => {
  using database = await silenceableServer(inject('testServerUrl'));
  // That one nobody migrates.
  database.url.pathname = '/postgres';
  const room = await startCli(['serve'], { PORT: '0', DATABASE_URL: database.url.href });
  try {
    await database.askedTwice;
    await database.silence();
    // As by npm, which passes on what the terminal has sent to all.
    room.process.kill('SIGINT');
    room.process.kill('SIGTERM');
    const ended = await Promise.race([room.ended, sleep(END_MAX_MS, undefined)]);
    expect(ended?.code).toBe(0);
  } finally {
    room.process.kill('SIGKILL');
  }
});
