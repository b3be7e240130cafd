import { fileURLToPath } from 'node:url';
import type { Job } from '../load/jobs.js';
import type { Measured } from './measured.js';
import type { BenchDatabase, BenchPostgres } from './bench-postgres.js';
import { BenchProcess } from './bench-process.js';
import type { Load } from './load.js';
import type { BenchOptions, Sizes } from './options.js';
import { canWatch, ProcessWatch, type Watched } from './process-watch.js';
import type { Recorded } from './recorded.js';
import { latencyOf } from './statistics.js';

const REFERENCE_SERVER = fileURLToPath(new URL('../servers/reference-server.js', import.meta.url));

/** What all benchmarks work with. */
export class Rig {
  constructor(
    readonly options: BenchOptions,
    readonly folder: string,
    readonly postgres: BenchPostgres,
    private readonly load: Load,
    /** Says how far it has come. */
    readonly say: (text: string) => void,
  ) {}

  /** How large something is to be; `usual` where nobody said. */
  size(name: keyof Sizes, usual: number): number {
    return this.options.sizes[name] ?? usual;
  }

  createDatabase(): Promise<BenchDatabase> {
    return this.postgres.createDatabase();
  }

  /** The product, with its API and its workers. */
  startApi(
    database: BenchDatabase,
    name = 'api',
    variables: Readonly<Record<string, string>> = {},
  ): Promise<BenchProcess> {
    return BenchProcess.start({ name, folder: this.folder, databaseUrl: database.url, variables });
  }

  /** The routes that the product is held against, in a process like the product's. */
  startReference(database: BenchDatabase): Promise<BenchProcess> {
    const { folder } = this;
    return BenchProcess.start({
      name: 'reference',
      folder,
      databaseUrl: database.url,
      args: [REFERENCE_SERVER],
    });
  }

  /**
   * Has the load process do a job.
   *
   * @param servers Whose memory and processor are watched, beside PostgreSQL's and the load's.
   * @param recorded Where what came to be recorded is added up.
   */
  async measure(
    job: Job,
    servers: readonly BenchProcess[],
    recorded?: Recorded,
  ): Promise<Measured> {
    const { result, processes } = await this.watch(servers, () => this.load.run(job));
    recorded?.add(result.recorded);
    const { units, seconds, latency } = result;
    return { perSecond: units / seconds, latency, processes };
  }

  /** Times something that is done once. @param units How much it does. */
  async time(
    units: number,
    servers: readonly BenchProcess[],
    work: () => Promise<unknown>,
  ): Promise<Measured> {
    const { result: ms, processes } = await this.watch(servers, async () => {
      const from = performance.now();
      await work();
      return performance.now() - from;
    });
    return { perSecond: (units * 1_000) / ms, latency: latencyOf([ms]), processes };
  }

  async watch<T>(
    servers: readonly BenchProcess[],
    work: () => Promise<T>,
  ): Promise<{ result: T; processes: Measured['processes'] }> {
    const load = { name: 'load', pid: this.load.pid, withChildren: false };
    const all: Watched[] = [...servers.map(({ watched }) => watched), this.postgres.watched, load];
    const watch = new ProcessWatch(canWatch() ? all : []);
    try {
      const result = await work();
      return { result, processes: watch.end() };
    } finally {
      watch.end();
    }
  }
}
