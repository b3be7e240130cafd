import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../src/commands/demo/random.js';
import type { History } from './history.js';
import type { Rig, Station } from './rig.js';
import type { VariantName } from './variants/variants.js';

/** What goes down without a word, or is cut at the worst moment; all of these count as crashes. */
export const CRASHES = [
  'API killed',
  'worker killed',
  'PostgreSQL stopped immediately',
  'PostgreSQL killed',
  'session of PostgreSQL killed',
  'cut before COMMIT',
  'cut after COMMIT',
] as const;

/** What disturbs and kills nothing. */
export const DISTURBANCES = [
  'answer of PostgreSQL lost',
  'process cut off from PostgreSQL',
  'clients cut off from an API',
  'Stripe cut off',
] as const;

export type CrashKind = (typeof CRASHES)[number] | (typeof DISTURBANCES)[number];

/** What befalls one process on its way to PostgreSQL. */
const ON_A_STATION: ReadonlySet<CrashKind> = new Set([
  'cut before COMMIT',
  'cut after COMMIT',
  'answer of PostgreSQL lost',
  'process cut off from PostgreSQL',
]);

/** How often one comes, against the others: what is cut is back at once, what is killed is not. */
const WEIGHTS: Readonly<Record<CrashKind, number>> = {
  'API killed': 4,
  'worker killed': 3,
  'PostgreSQL stopped immediately': 1.5,
  'PostgreSQL killed': 1,
  'session of PostgreSQL killed': 1.5,
  'cut before COMMIT': 30,
  'cut after COMMIT': 30,
  'answer of PostgreSQL lost': 6,
  'process cut off from PostgreSQL': 3,
  'clients cut off from an API': 3,
  'Stripe cut off': 3,
};

/** What a variant fails at comes so much more often, so that a short run shows it. */
const EMPHASIS = 12;
const FAILS_AT: Readonly<Partial<Record<VariantName, readonly CrashKind[]>>> = {
  'answer-before-commit': ['API killed'],
  'asynchronous-commit': ['PostgreSQL stopped immediately'],
  'fail-open': ['API killed', 'PostgreSQL stopped immediately'],
};

const PAUSE_MS_MAX = 300;
/** Between two ends of PostgreSQL, so that something is written meanwhile. */
const DATABASE_REST_MS = 2_000;
/** On a slow machine longer: so many times what the last end took. */
const DATABASE_REST_FACTOR = 3;
const PARTITION_MS_MAX = 1_500;

/** What chance does all the time beside the plan. */
const WEATHER = { cutBefore: 0.005, answerLost: 0.01, delay: 0.02, delayMsMax: 80 };
const DATABASE_WEATHER = { cutBefore: 0, answerLost: 0, delay: 0.01, delayMsMax: 30 };

/** Draws from a seed what goes wrong next, and does it. */
export class CrashPlan {
  readonly counts = new Map<CrashKind, number>();
  private isStopping = false;
  private loop: Promise<void> | undefined;
  private databaseBusy: Promise<void> | undefined;
  private databaseRestsUntil = 0;
  /** An end of PostgreSQL that waits until nobody is starting; nobody is killed meanwhile. */
  private owed: CrashKind | undefined;
  private readonly running = new Set<Promise<void>>();

  constructor(
    private readonly rig: Rig,
    private readonly history: History,
    private readonly random: Random,
    private readonly signal: AbortSignal,
    private readonly variant: VariantName | undefined,
  ) {}

  get total(): number {
    return CRASHES.reduce((sum, kind) => sum + (this.counts.get(kind) ?? 0), 0);
  }

  start(): void {
    for (const { toDatabase, door } of this.rig.stations) {
      toDatabase.weather = DATABASE_WEATHER;
      if (door !== undefined) door.weather = WEATHER;
    }
    this.rig.toStripe.weather = WEATHER;
    this.loop = this.run();
    this.loop.catch(() => undefined);
  }

  /** Everything works again, or is about to. */
  async stop(): Promise<void> {
    this.isStopping = true;
    await this.loop;
    for (const proxy of this.rig.proxies) proxy.calmDown();
    await Promise.all(this.running);
    await this.databaseBusy;
  }

  private async run(): Promise<void> {
    while (!this.isStopping) {
      await sleep(this.random.below(PAUSE_MS_MAX), undefined, { signal: this.signal });
      const drawn = this.draw();
      const kind = this.owed !== undefined && this.mayCrashDatabase() ? this.owed : drawn;
      const done = this.inject(kind);
      this.running.add(done);
      // A server that does not come back is told by whoever waits for it.
      done.catch(() => undefined).finally(() => this.running.delete(done));
    }
  }

  private draw(): CrashKind {
    const kinds = Object.keys(WEIGHTS) as CrashKind[];
    const emphasized = this.variant === undefined ? [] : (FAILS_AT[this.variant] ?? []);
    const weightOf = (kind: CrashKind): number =>
      WEIGHTS[kind] * (emphasized.includes(kind) ? EMPHASIS : 1);
    let rest = this.random.next() * kinds.reduce((sum, kind) => sum + weightOf(kind), 0);
    return kinds.find((kind) => (rest -= weightOf(kind)) < 0) ?? kinds[0]!;
  }

  private async inject(kind: CrashKind): Promise<void> {
    const { rig, random } = this;
    // Drawn in any case, so that what is up does not move what comes after.
    const station = random.pick(rig.stations);
    const api = random.pick(rig.apis);
    const ms = random.below(PARTITION_MS_MAX);
    // What is still starting has nothing to lose; cut again and again, it would never be there.
    if (ON_A_STATION.has(kind) && !station.process.isReady) return;
    switch (kind) {
      case 'API killed':
        return this.kill(kind, api, rig.apis);
      case 'worker killed':
        if (rig.workers.length === 0) return;
        return this.kill(kind, random.pick(rig.workers), rig.workers);
      case 'PostgreSQL stopped immediately':
        return this.crashDatabase(kind, 'SIGQUIT');
      case 'PostgreSQL killed':
        return this.crashDatabase(kind, 'SIGKILL');
      case 'session of PostgreSQL killed':
        return this.killSession(kind);
      case 'cut before COMMIT':
        return station.toDatabase.arm('before COMMIT', () =>
          this.count(kind, station.process.name),
        );
      case 'cut after COMMIT':
        return station.toDatabase.arm('after COMMIT', () => this.count(kind, station.process.name));
      case 'answer of PostgreSQL lost':
        return station.toDatabase.arm('answer', () => this.count(kind, station.process.name));
      case 'process cut off from PostgreSQL':
        this.count(kind, station.process.name);
        return station.toDatabase.partition(ms);
      case 'clients cut off from an API':
        this.count(kind, api.process.name);
        return api.door!.partition(ms);
      case 'Stripe cut off':
        this.count(kind, 'Stripe');
        return rig.toStripe.partition(ms);
    }
  }

  /** One of a kind at a time: with nobody there, nothing could go wrong. */
  private async kill(
    kind: CrashKind,
    { process }: Station,
    fellows: readonly Station[],
  ): Promise<void> {
    if (this.owed !== undefined) return;
    if (!fellows.every((fellow) => fellow.process.isReady)) return;
    if (!process.isAtWork) return;
    this.count(kind, process.name);
    await process.kill();
  }

  private crashDatabase(kind: CrashKind, how: 'SIGQUIT' | 'SIGKILL'): Promise<void> {
    if (!this.claimDatabase(kind)) return Promise.resolve();
    this.count(kind, 'PostgreSQL');
    return this.whileDatabaseIsBusy(this.rig.postgres.crash(how));
  }

  private killSession(kind: CrashKind): Promise<void> {
    if (!this.claimDatabase(kind)) return Promise.resolve();
    const killed = this.rig.postgres
      .killBackend((pids) => this.random.pick(pids))
      .then((isKilled) => (isKilled ? this.count(kind, 'PostgreSQL') : undefined))
      // It is on its way down or up already.
      .catch(() => undefined);
    return this.whileDatabaseIsBusy(killed);
  }

  private claimDatabase(kind: CrashKind): boolean {
    const isFree = this.mayCrashDatabase();
    this.owed = isFree ? undefined : kind;
    return isFree;
  }

  private mayCrashDatabase(): boolean {
    const isAnyStarting = this.rig.stations.some(({ process }) => !process.isReady);
    return (
      !isAnyStarting && this.databaseBusy === undefined && Date.now() > this.databaseRestsUntil
    );
  }

  private async whileDatabaseIsBusy(work: Promise<void>): Promise<void> {
    const begun = Date.now();
    this.databaseBusy = work.finally(() => {
      this.databaseBusy = undefined;
      const restMs = Math.max(DATABASE_REST_MS, DATABASE_REST_FACTOR * (Date.now() - begun));
      this.databaseRestsUntil = Date.now() + restMs;
    });
    await this.databaseBusy;
  }

  private count(kind: CrashKind, what: string): void {
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
    this.history.add({ op: 'crash', type: 'info', what: `${kind}: ${what}` });
  }
}
