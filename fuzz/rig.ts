import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { Child } from '../src/commands/demo/child.js';
import { freePort } from '../src/commands/demo/free-port.js';
import { waitFor } from '../src/commands/demo/pause.js';
import { SIMULATED_KEY, SimulatedStripe } from '../src/commands/demo/simulated-stripe.js';
import { migrate } from '../src/commands/open-database.js';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../src/database/embedded-postgres.js';
import { prepareVerdicts } from './checks/check-verdicts.js';
import { World } from './world.js';

const BIN = fileURLToPath(new URL('../bin/countonce.js', import.meta.url));
const START_TIMEOUT_MS = 120_000;

const SETTINGS = {
  STRIPE_SECRET_KEY: SIMULATED_KEY,
  STRIPE_CALLS_PER_SECOND: '200',
  PUSH_INTERVAL_SECONDS: '30',
  LOG_LEVEL: 'info',
};

/** The service as it is built, its own PostgreSQL and the Stripe simulator, in a folder of their own. */
export class Rig implements AsyncDisposable {
  private constructor(
    readonly folder: string,
    private readonly keep: boolean,
    private readonly postgres: EmbeddedPostgres,
    private readonly simulator: Child,
    readonly stripe: SimulatedStripe,
    readonly service: Child,
    readonly port: number,
    readonly admin: pg.Client,
    readonly world: World,
    /** Of every scope, of both tenants. */
    readonly operatorKeys: readonly [string, string],
  ) {}

  static async build({ keep }: { keep: boolean }, signal: AbortSignal): Promise<Rig> {
    const folder = await mkdtemp(join(tmpdir(), 'countonce-fuzz-'));
    const undo: (() => Promise<void>)[] = [() => (keep ? Promise.resolve() : removeFolder(folder))];
    try {
      return await Rig.assemble(folder, keep, undo, signal);
    } catch (error) {
      for (const step of undo.reverse()) await step();
      throw error;
    }
  }

  /** @param undo Takes in how to end each thing that was started. */
  private static async assemble(
    folder: string,
    keep: boolean,
    undo: (() => Promise<void>)[],
    signal: AbortSignal,
  ): Promise<Rig> {
    // Crashes of the machine are not what is looked for here.
    const settings = { fsync: 'off', max_connections: '50' };
    const postgres = await startEmbeddedPostgres({ dataDir: join(folder, 'data'), settings });
    undo.push(() => postgres.stop());
    const args = ['--json', '--port=0', '--oracle-port=0', '--no-rate-limits'];
    const simulator = new Child(
      [BIN, 'simulate-stripe', ...args],
      {},
      join(folder, 'simulator.log'),
    );
    undo.push(() => simulator.stop());
    await migrate(postgres.url);
    const secondKey = await secondTenant(postgres.url, folder, signal);
    const { url, oracle_url: oracleUrl } = await waitFor(
      'The start of the simulator',
      START_TIMEOUT_MS,
      signal,
      () => simulator.firstDocument(),
    );
    const firstKey = `fuzz_${randomBytes(24).toString('hex')}`;
    const world = new World(`whsec_${randomBytes(24).toString('hex')}`);
    const port = await freePort();
    const encryptionKey = randomBytes(32).toString('hex');
    for (const secret of [firstKey, secondKey, SIMULATED_KEY, encryptionKey]) {
      world.secrets.add(secret);
    }
    const variables = {
      PORT: String(port),
      DATABASE_URL: postgres.url,
      BOOTSTRAP_API_KEY: firstKey,
      STRIPE_API_BASE: url!,
      STRIPE_WEBHOOK_SECRET: world.webhookSecret,
      ENCRYPTION_KEY: encryptionKey,
    };
    const log = join(folder, 'service.log');
    const service = new Child([BIN, 'serve'], { ...SETTINGS, ...variables }, log);
    undo.push(() => service.stop());
    await untilReady(service, port, signal);
    const admin = await administrator(postgres.url);
    undo.push(() => admin.end());
    await prepareVerdicts(admin);
    const stripe = new SimulatedStripe(url!, oracleUrl!);
    const keys = [firstKey, secondKey] as const;
    return new Rig(folder, keep, postgres, simulator, stripe, service, port, admin, world, keys);
  }

  get databaseUrl(): string {
    return this.postgres.url;
  }

  serviceLog(): string {
    return readFileSync(join(this.folder, 'service.log'), 'utf8');
  }

  postgresLog(): string {
    return readFileSync(join(this.folder, 'data/postgres/server.log'), 'utf8');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.service.stop();
    await this.simulator.stop();
    await this.admin.end();
    await this.postgres.stop();
    if (!this.keep) await removeFolder(this.folder);
  }
}

function removeFolder(folder: string): Promise<void> {
  return rm(folder, { recursive: true, force: true, maxRetries: 20 });
}

async function administrator(connectionString: string): Promise<pg.Client> {
  const options = '-c TimeZone=UTC';
  const client = new pg.Client({ connectionString, application_name: 'fuzz', options });
  await client.connect();
  return client;
}

async function secondTenant(url: string, folder: string, signal: AbortSignal): Promise<string> {
  const create = new Child(
    [BIN, 'tenants', 'create', 'second', '--json'],
    { DATABASE_URL: url },
    join(folder, 'tenants.log'),
  );
  const document = await waitFor('The second tenant', START_TIMEOUT_MS, signal, () =>
    create.hasEnded ? create.lastWords() : undefined,
  );
  return (JSON.parse(document) as { api_key: { key: string } }).api_key.key;
}

async function untilReady(service: Child, port: number, signal: AbortSignal): Promise<void> {
  await waitFor('The start of the service', START_TIMEOUT_MS, signal, async () => {
    if (service.hasEnded) throw new Error(`The service ended: ${service.lastWords()}`);
    const ready = await fetch(`http://127.0.0.1:${port}/health/ready`).catch(() => undefined);
    await ready?.text();
    return ready?.ok === true ? true : undefined;
  });
}
