import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { builtCli } from '../support/built-cli.js';
import { call, type Answer } from '../support/app.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';

/** A server in a process of its own, as it is shipped. */
export interface ServerProcess {
  readonly url: string;
  call(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Answer>;
}

export interface ServerProcesses extends AsyncDisposable {
  readonly database: TestDatabase;
  readonly servers: readonly ServerProcess[];
}

/** Processes of the built server, one beside the other on one database, workers included. */
export async function startServerProcesses(count: number): Promise<ServerProcesses> {
  const cli = await builtCli();
  const database = await createTestDatabase();
  const apiKey = `test_${randomBytes(24).toString('hex')}`;
  const stops: (() => Promise<unknown>)[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(stops.map((each) => each()));
    await database[Symbol.asyncDispose]();
  };
  try {
    const starting = Array.from({ length: count }, () =>
      startServer(cli, database.url, apiKey, stops),
    );
    return { database, servers: await Promise.all(starting), [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startServer(
  cli: string,
  databaseUrl: string,
  apiKey: string,
  stops: (() => Promise<unknown>)[],
): Promise<ServerProcess> {
  const child = spawn(process.execPath, [cli, 'serve'], {
    env: {
      PATH: process.env['PATH'],
      PORT: '0',
      DATABASE_URL: databaseUrl,
      BOOTSTRAP_API_KEY: apiKey,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  stops.push(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    await exited;
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  for await (const line of createInterface({ input: child.stdout })) {
    said += `${line}\n`;
    const url = readyUrl(line);
    if (url === undefined) continue;
    // What comes later is let go, so that a full pipe never stops the server.
    child.stdout.resume();
    return {
      url,
      call: (method, path, body, headers) => call(url, apiKey, method, path, body, headers),
    };
  }
  throw new Error(`the server ended before it was ready:\n${said}`);
}

function readyUrl(line: string): string | undefined {
  const { msg, url } = JSON.parse(line) as { msg?: string; url?: string };
  return msg === 'ready' ? url : undefined;
}
