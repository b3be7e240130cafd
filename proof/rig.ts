import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Child } from '../src/commands/demo/child.js';
import { freePort } from '../src/commands/demo/free-port.js';
import { waitFor } from '../src/commands/demo/pause.js';
import { Random } from '../src/commands/demo/random.js';
import { SIMULATED_KEY, SimulatedStripe } from '../src/commands/demo/simulated-stripe.js';
import { migrate } from '../src/commands/open-database.js';
import type { Tenant } from './history.js';
import { FaultProxy } from './fault-proxy.js';
import { ProofPostgres } from './postgres.js';
import { ProductProcess } from './product-process.js';
import { CLOCK } from './real-clock.js';
import type { VariantName } from './variants/variants.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const BIN = join(ROOT, 'bin/countonce.js');
const RUN = join(ROOT, 'proof/run.js');
const START_TIMEOUT_MS = 120_000;

/** Minutes pass while Stripe's clock jumps by days: it must not forget in them what it is to know. */
const SWITCHES = { identifierWindowMs: 'forever', keyTtlMs: 10 * 365 * 86_400_000 };

export interface RigOptions {
  readonly keep: boolean;
  readonly seed: number;
  readonly variant: VariantName | undefined;
  readonly apis: number;
  readonly workers: number;
}

/** One process of the product, and the proxies that stand around it. */
export interface Station {
  readonly process: ProductProcess;
  readonly toDatabase: FaultProxy;
  /** Of an API: what clients speak to. */
  readonly door: FaultProxy | undefined;
}

/** Everything that runs while the proof does, in a folder of its own. */
export class Rig implements AsyncDisposable {
  readonly stations: Station[] = [];
  private readonly apiKey = `proof_${randomBytes(24).toString('hex')}`;
  private secondApiKey = '';

  private constructor(
    readonly folder: string,
    readonly postgres: ProofPostgres,
    private readonly simulator: Child,
    readonly stripe: SimulatedStripe,
    readonly toStripe: FaultProxy,
    private readonly random: Random,
    private readonly options: RigOptions,
  ) {}

  static async build(options: RigOptions, signal: AbortSignal): Promise<Rig> {
    const { keep, seed, variant } = options;
    const folder = await mkdtemp(join(tmpdir(), 'countonce-proof-'));
    const random = new Random(seed);
    const settings = {
      // The data are made up; who waited for whom is in the details.
      log_error_verbosity: 'default',
      max_connections: '100',
      fsync: 'on',
      full_page_writes: 'on',
      // Three times that is what an asynchronous commit may be lost for: a short run shows it.
      ...(variant === 'asynchronous-commit' && { wal_writer_delay: '10s' }),
    };
    const postgres = await ProofPostgres.start(join(folder, 'data'), settings);
    const switches = join(folder, 'switches.json');
    await writeFile(switches, JSON.stringify(SWITCHES));
    const args = ['--json', '--port=0', '--oracle-port=0', '--no-rate-limits', '--switches'];
    const simulator = new Child(
      [BIN, 'simulate-stripe', ...args, switches],
      {},
      join(folder, 'simulator.log'),
    );
    try {
      const { url, oracle_url: oracleUrl } = await waitFor(
        'The start of the simulator',
        START_TIMEOUT_MS,
        signal,
        () => simulator.firstDocument(),
      );
      const stripe = new SimulatedStripe(url!, oracleUrl!);
      const toStripe = await FaultProxy.open(() => Number(new URL(url!).port), random);
      const rig = new Rig(folder, postgres, simulator, stripe, toStripe, random, options);
      await postgres.query(CLOCK);
      await migrate(postgres.url);
      return rig;
    } catch (error) {
      await simulator.stop();
      await postgres[Symbol.asyncDispose]();
      if (!keep) await rm(folder, { recursive: true, force: true, maxRetries: 20 });
      throw error;
    }
  }

  get apis(): readonly Station[] {
    return this.stations.filter(({ door }) => door !== undefined);
  }

  get workers(): readonly Station[] {
    return this.stations.filter(({ door }) => door === undefined);
  }

  get doors(): readonly string[] {
    return this.apis.map(({ door }) => `http://127.0.0.1:${door!.port}`);
  }

  keyOf(tenant: Tenant): string {
    return tenant === 'first' ? this.apiKey : this.secondApiKey;
  }

  get proxies(): readonly FaultProxy[] {
    return [
      this.toStripe,
      ...this.stations.flatMap(({ toDatabase, door }) =>
        door === undefined ? [toDatabase] : [toDatabase, door],
      ),
    ];
  }

  /** APIs and workers of the product; for a variant only what sets the scene. */
  async startProduct(signal: AbortSignal): Promise<void> {
    const { variant, apis, workers } = this.options;
    const isWhole = variant === undefined;
    for (let n = 1; n <= (isWhole ? apis : 1); n++) {
      await this.addStation(`api ${n}`, 'api', [BIN, 'serve']);
    }
    for (let n = 1; n <= (isWhole ? workers : 0); n++) {
      await this.addStation(`worker ${n}`, 'worker', [BIN, 'serve']);
    }
    await Promise.all([this.createSecondTenant(signal), this.untilReady(signal)]);
  }

  /** Takes the product away and puts a server in its place that is wrong on purpose. */
  async startVariant(variant: VariantName, signal: AbortSignal): Promise<void> {
    await this.stopStations();
    const args = [RUN, 'serve-variant', variant];
    for (let n = 1; n <= this.options.apis; n++)
      await this.addStation(`${variant} ${n}`, 'api', args);
    await this.untilReady(signal);
  }

  async untilReady(signal: AbortSignal): Promise<void> {
    await waitFor('The start of all processes', START_TIMEOUT_MS, signal, () =>
      this.stations.every(({ process }) => process.isReady) ? true : undefined,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopStations();
    await this.toStripe.close();
    await this.simulator.stop();
    await this.postgres[Symbol.asyncDispose]();
    if (!this.options.keep) await rm(this.folder, { recursive: true, force: true, maxRetries: 20 });
  }

  private async stopStations(): Promise<void> {
    const stations = this.stations.splice(0);
    await Promise.all(stations.map(({ process }) => process.end()));
    await Promise.all(
      stations
        .flatMap(({ toDatabase, door }) => (door === undefined ? [toDatabase] : [toDatabase, door]))
        .map((proxy) => proxy.close()),
    );
  }

  private async addStation(name: string, role: string, args: readonly string[]): Promise<void> {
    const { postgres, folder, random } = this;
    const port = await freePort();
    const toDatabase = await FaultProxy.open(() => postgres.port, derived(random));
    const door = role === 'api' ? await FaultProxy.open(() => port, derived(random)) : undefined;
    const variables = {
      ROLE: role,
      DATABASE_URL: postgres.urlThrough(toDatabase.port),
      BOOTSTRAP_API_KEY: this.apiKey,
      STRIPE_SECRET_KEY: SIMULATED_KEY,
      STRIPE_API_BASE: `http://127.0.0.1:${this.toStripe.port}`,
      STRIPE_CALLS_PER_SECOND: '1000',
      PUSH_INTERVAL_SECONDS: '20',
      RECONCILE_INTERVAL_SECONDS: '0',
      CLOSE_GRACE_SECONDS: '0',
      LOG_LEVEL: 'warn',
    };
    const logFile = join(folder, `${name.replaceAll(' ', '-')}.log`);
    const process = new ProductProcess(name, args, variables, port, logFile);
    this.stations.push({ process, toDatabase, door });
    process.start();
  }

  private async createSecondTenant(signal: AbortSignal): Promise<void> {
    const create = new Child(
      [BIN, 'tenants', 'create', 'second', '--json'],
      { DATABASE_URL: this.postgres.url },
      join(this.folder, 'tenants.log'),
    );
    const document = await waitFor('The second tenant', START_TIMEOUT_MS, signal, () =>
      create.hasEnded ? create.lastWords() : undefined,
    );
    await create.stop();
    const { api_key: apiKey } = JSON.parse(document) as { api_key: { key: string } };
    this.secondApiKey = apiKey.key;
  }
}

/** A generator of its own for each proxy, so that what one of them sees does not move another's. */
function derived(random: Random): Random {
  return new Random(random.below(2 ** 31));
}
