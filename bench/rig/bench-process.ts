import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Child } from '../../src/commands/demo/child.js';
import { freePort } from '../../src/commands/demo/free-port.js';
import type { Watched } from './process-watch.js';

const COUNTONCE = fileURLToPath(new URL('../../bin/countonce.js', import.meta.url));
/** As in `npm start`. */
const NODE_OPTIONS = ['--max-semi-space-size=64'];
const POLL_MS = 50;
const START_MAX_MS = 120_000;

/** One of the tenant `default` of all databases. */
export const API_KEY = randomBytes(24).toString('hex');

/** A server of HTTP in a process of its own: the product, or what it is held against. */
export class BenchProcess implements AsyncDisposable {
  private constructor(
    private readonly name: string,
    private readonly child: Child,
    readonly url: string,
  ) {}

  /**
   * Starts it and waits until it is ready.
   *
   * @param args What node runs, with the options that `npm start` gives it; none: `countonce serve`.
   */
  static async start(options: {
    readonly name: string;
    readonly folder: string;
    readonly databaseUrl: string;
    readonly variables?: Readonly<Record<string, string>>;
    readonly args?: readonly string[];
  }): Promise<BenchProcess> {
    const { name, folder, databaseUrl, variables = {}, args = [COUNTONCE, 'serve'] } = options;
    const port = await freePort();
    const child = new Child(
      [...NODE_OPTIONS, ...args],
      {
        DATABASE_URL: databaseUrl,
        PORT: String(port),
        BOOTSTRAP_API_KEY: API_KEY,
        LOG_LEVEL: 'error',
        ...variables,
      },
      join(folder, `${name}-${port}.log`),
    );
    const started = new BenchProcess(name, child, `http://127.0.0.1:${port}`);
    await started.ready().catch(async (error: unknown) => {
      await child.kill();
      throw error;
    });
    return started;
  }

  get watched(): Watched {
    return { name: this.name, pid: this.child.pid, withChildren: false };
  }

  /** @throws Error with the answer where it is not 2xx. */
  async ask<T>(method: string, path: string, body?: object): Promise<T> {
    const response = await fetch(this.url + path, {
      method,
      headers: { authorization: `Bearer ${API_KEY}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return JSON.parse(text) as T;
  }

  async createMeters(count: number): Promise<void> {
    for (let i = 1; i <= count; i++) {
      await this.ask('PUT', `/v1/meters/meter_${i}`, { aggregation: 'sum', push: 'off' });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.child.stop();
  }

  private async ready(): Promise<void> {
    const endMs = performance.now() + START_MAX_MS;
    while (performance.now() < endMs) {
      if (this.child.hasEnded) throw new Error(`${this.name} ended: ${this.child.lastWords()}`);
      const answer = await fetch(`${this.url}/health/ready`).catch(() => undefined);
      await answer?.text().catch(() => undefined);
      if (answer?.ok === true) return;
      await sleep(POLL_MS);
    }
    throw new Error(`${this.name} was not ready: ${this.child.lastWords()}`);
  }
}
