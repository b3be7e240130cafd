import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '../src/commands/demo/random.js';
import { ProgressBar } from '../src/commands/progress-bar.js';
import { checkAll } from './checks/check-all.js';
import { readFigures } from './checks/figures.js';
import { CrashPlan } from './crash-plan.js';
import { Days } from './days.js';
import { drain } from './drain.js';
import { History, type Tenant } from './history.js';
import type { ProofOptions } from './options.js';
import { noTally, ProofClient } from './proof-client.js';
import type { ProofResult } from './report.js';
import { Rig } from './rig.js';
import { setScene, type StripeIds } from './scenery.js';
import { StoryClock } from './story-clock.js';
import { endStripeWeather, startStripeWeather } from './stripe-weather.js';
import { Traffic } from './traffic.js';

const CLIENTS = 5;
const PROCESSES = { apis: 2, workers: 2 };
const POLL_MS = 100;
const BAR = '  {bar} {value} of {total} s, {crashes} crashes, {sent} events sent';

/** One run from an empty database to the checks. */
export async function runProof(
  options: ProofOptions,
  signal: AbortSignal,
  tell: (line: string) => void,
): Promise<ProofResult> {
  const startedAt = performance.now();
  await using rig = await Rig.build({ ...options, ...PROCESSES }, signal);
  if (options.keep) tell(`history, logs and data stay in ${rig.folder}`);
  const run = new ProofRun(options, rig, signal, tell);
  const result = await run.whole();
  return { ...result, seconds: (performance.now() - startedAt) / 1_000 };
}

class ProofRun {
  private readonly history: History;
  private readonly clock = new StoryClock();
  private readonly tally = noTally();
  private readonly random: Random;
  private readonly operator: ProofClient;
  private readonly crashes: CrashPlan;
  private readonly days: Days;
  private stripeIds: StripeIds = new Map();
  private stripeFaults = 0;
  /** Ends what is still asked for once nobody is to wait for it any more. */
  private readonly gaveUp = new AbortController();

  constructor(
    private readonly options: ProofOptions,
    private readonly rig: Rig,
    private readonly signal: AbortSignal,
    private readonly tell: (line: string) => void,
  ) {
    this.history = new History(join(rig.folder, 'history.ndjson'));
    this.random = new Random(options.seed);
    this.operator = this.clientOf('operator', 'first');
    this.crashes = new CrashPlan(rig, this.history, this.derived(), signal, options.variant);
    const { clock, history, operator } = this;
    this.days = new Days(operator, rig.stripe, clock, history, this.derived(), signal);
  }

  async whole(): Promise<Omit<ProofResult, 'seconds'>> {
    const { rig, signal, options } = this;
    await rig.startProduct(signal);
    await this.setScene();
    await this.underFaults();
    await rig.untilReady(signal);
    if (options.variant === undefined) await drain(rig, this.days, signal);
    await this.history.close();
    this.tell('all is quiet; the history is checked');
    const admin = await rig.postgres.connect();
    try {
      const { stripe } = rig;
      const { file } = this.history;
      const { stripeIds, tally, stripeFaults } = this;
      const isProduct = options.variant === undefined;
      const log = rig.postgres.logFile;
      const checks = await checkAll(admin, { file, log, stripe, stripeIds, isProduct });
      const figures = await readFigures(admin, { closes: this.days.closes, stripeFaults });
      return { options, tally, crashes: this.crashes.counts, figures, checks };
    } finally {
      await admin.end();
    }
  }

  private async setScene(): Promise<void> {
    const { rig, options, signal, clock } = this;
    const second = this.clientOf('second operator', 'second');
    this.stripeIds = await setScene(this.operator, second, rig.stripe, clock);
    if (options.variant !== undefined) await rig.startVariant(options.variant, signal);
    this.tell(`PostgreSQL, ${rig.stations.length} processes and the simulator are there`);
  }

  private async underFaults(): Promise<void> {
    const { rig, days, crashes, options } = this;
    const isProduct = options.variant === undefined;
    const clients = Array.from({ length: CLIENTS }, (_, n) =>
      this.clientOf(`client-${n + 1}`, 'first'),
    );
    const traffic = new Traffic(this.history, this.clock, this.signal, isProduct);
    traffic.start(clients, this.clientOf('quiet', 'second'), options.seed);
    await startStripeWeather(rig.stripe, this.derived());
    crashes.start();
    if (isProduct) days.start();
    await this.wait();
    this.tell(`${crashes.total} crashes; faults end, what is unknown is sent again`);
    await crashes.stop();
    this.stripeFaults = await endStripeWeather(rig.stripe);
    await Promise.all([traffic.stop(() => this.gaveUp.abort()), days.stop()]);
  }

  /** Until there was time, and there were crashes, as asked for. */
  private async wait(): Promise<void> {
    const { options, crashes, tally, signal } = this;
    const begun = performance.now();
    const passed = (): number => (performance.now() - begun) / 1_000;
    const shown = (): Record<string, number> => ({
      crashes: crashes.total,
      sent: tally.transmitted,
    });
    using bar = new ProgressBar(options.seconds, BAR, shown());
    while (passed() < options.seconds || crashes.total < options.crashes) {
      await sleep(POLL_MS, undefined, { signal });
      bar.update(Math.min(Math.floor(passed()), options.seconds), shown());
    }
  }

  private clientOf(name: string, tenant: Tenant): ProofClient {
    const { rig, history, tally, signal } = this;
    const ends = name.startsWith('operator')
      ? signal
      : AbortSignal.any([signal, this.gaveUp.signal]);
    return new ProofClient(name, tenant, rig, history, tally, this.derived(), ends);
  }

  private derived(): Random {
    return new Random(this.random.below(2 ** 31));
  }
}
