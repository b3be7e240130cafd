import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CommandFailure } from '../command-failure.js';
import { Child } from './child.js';
import { DemoClient } from './demo-client.js';
import { freePort } from './free-port.js';
import { waitFor } from './pause.js';
import { SIMULATED_KEY, SimulatedStripe } from './simulated-stripe.js';

const BIN = fileURLToPath(new URL('../../../../bin/countonce.js', import.meta.url));
const START_TIMEOUT_MS = 120_000;

/** A server on an embedded database in a folder of its own, a simulated Stripe, and a client. */
export class Rig implements AsyncDisposable {
  private server: Child | undefined;

  private constructor(
    readonly folder: string,
    private readonly keep: boolean,
    private readonly simulatorProcess: Child,
    readonly stripe: SimulatedStripe,
    private readonly port: number,
    private readonly apiKey: string,
    readonly client: DemoClient,
    private readonly signal: AbortSignal,
  ) {}

  /** Starts the simulator; the server is started by {@link startServer}. */
  static async build(keep: boolean, signal: AbortSignal): Promise<Rig> {
    const folder = await mkdtemp(join(tmpdir(), 'countonce-demo-'));
    const args = ['--json', '--port=0', '--oracle-port=0', '--no-rate-limits'];
    const simulator = new Child(
      [BIN, 'simulate-stripe', ...args],
      {},
      join(folder, 'simulator.log'),
    );
    try {
      const { url, oracle_url: oracleUrl } = await started(simulator, 'The simulator', signal, () =>
        Promise.resolve(simulator.firstDocument()),
      );
      const port = await freePort();
      const apiKey = `demo_${randomBytes(24).toString('hex')}`;
      const client = new DemoClient(`http://127.0.0.1:${port}`, apiKey, signal);
      const stripe = new SimulatedStripe(url!, oracleUrl!);
      return new Rig(folder, keep, simulator, stripe, port, apiKey, client, signal);
    } catch (error) {
      await simulator.stop();
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Starts the server, for the first time or on what it left, and waits until it is ready. */
  async startServer(): Promise<void> {
    this.signal.throwIfAborted();
    this.server = new Child(
      [BIN, 'serve'],
      {
        DATA_DIR: join(this.folder, 'data'),
        PORT: String(this.port),
        BOOTSTRAP_API_KEY: this.apiKey,
        STRIPE_SECRET_KEY: SIMULATED_KEY,
        STRIPE_API_BASE: this.stripe.url,
        STRIPE_CALLS_PER_SECOND: '1000',
        // At the close alone: a push cut off by the kill would be left alone for two minutes.
        PUSH_INTERVAL_SECONDS: '0',
        LOG_LEVEL: 'warn',
      },
      join(this.folder, 'server.log'),
    );
    await started(this.server, 'The server', this.signal, async () => {
      const ready = await fetch(`${this.url}/health/ready`).catch(() => undefined);
      return ready?.ok === true ? true : undefined;
    });
  }

  async killServer(): Promise<void> {
    await this.server?.kill();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.server?.stop(), this.simulatorProcess.stop()]);
    // What was killed leaves its database to a watchdog, which may still be at it.
    if (!this.keep) await rm(this.folder, { recursive: true, force: true, maxRetries: 20 });
  }
}

async function started<T>(
  child: Child,
  name: string,
  signal: AbortSignal,
  ask: () => Promise<T | undefined>,
): Promise<T> {
  return waitFor(`The start of a process`, START_TIMEOUT_MS, signal, () => {
    if (!child.hasEnded) return ask();
    throw new CommandFailure(`${name} ended at once:\n${child.lastWords()}`, 'demo_start');
  });
}
