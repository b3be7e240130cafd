import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '../../src/commands/demo/random.js';
import { ProgressBar } from '../../src/commands/progress-bar.js';
import { checkAll } from '../checks/check-all.js';
import { readFigures } from '../checks/figures.js';
import { Days } from '../days.js';
import { drain } from '../drain.js';
import { History, type Tenant } from '../history.js';
import { noTally, ProofClient, type Doors } from '../proof-client.js';
import { Rig, type Station } from '../rig.js';
import { setScene, type StripeIds } from '../scenery.js';
import { StoryClock } from '../story-clock.js';
import { Traffic } from '../traffic.js';
import { findHaproxy, Haproxy } from './haproxy.js';
import type { ScaleOutOptions } from './options.js';
import { ProcessTable } from './process-table.js';
import type { ScaleOutResult } from './report.js';

const PROCESSES = { apis: 4, workers: 2 };
const CLIENTS = 16;
const POLL_MS = 100;
const BAR = '  {bar} {value} of {total} s, {sent} events sent, {killed} processes killed';

/**
 * Several processes behind one HAProxy, of which two are killed under load.
 *
 * @throws CommandFailure where there is no HAProxy.
 */
export async function runScaleOut(
  options: ScaleOutOptions,
  signal: AbortSignal,
  tell: (line: string) => void,
): Promise<ScaleOutResult> {
  const file = await findHaproxy();
  const startedAt = performance.now();
  await using rig = await Rig.build({ ...options, ...PROCESSES, variant: undefined }, signal);
  const { folder } = rig;
  if (options.keep) tell(`history, logs and data stay in ${folder}`);
  await rig.startProduct(signal);
  const targets = rig.apis.map(({ process }) => process.port);
  await using haproxy = await Haproxy.start({ file, targets, folder }, signal);
  tell(`${PROCESSES.apis} API processes behind HAProxy and ${PROCESSES.workers} workers are there`);
  const house = { doors: [haproxy.url], keyOf: (tenant: Tenant) => rig.keyOf(tenant) };
  const result = await new ScaleOutRun(options, rig, house, signal, tell).whole();
  return { ...result, seconds: (performance.now() - startedAt) / 1_000 };
}

class ScaleOutRun {
  private readonly history: History;
  private readonly clock = new StoryClock();
  private readonly tally = noTally();
  private readonly random: Random;
  private readonly days: Days;
  private readonly processes: ProcessTable;
  private readonly operator: ProofClient;
  private killed = 0;
  private answeredMeanwhile = 0;
  /** Ends what is still asked for once nobody is to wait for it any more. */
  private readonly gaveUp = new AbortController();

  constructor(
    private readonly options: ScaleOutOptions,
    private readonly rig: Rig,
    private readonly house: Doors,
    private readonly signal: AbortSignal,
    private readonly tell: (line: string) => void,
  ) {
    this.history = new History(join(rig.folder, 'history.ndjson'));
    this.random = new Random(options.seed);
    this.processes = new ProcessTable(rig);
    const operator = this.clientOf('operator', 'first');
    this.operator = operator;
    const { clock, history } = this;
    this.days = new Days(operator, rig.stripe, clock, history, this.derived(), signal);
  }

  async whole(): Promise<Omit<ScaleOutResult, 'seconds'>> {
    const { rig, signal, options, tally, history } = this;
    const second = this.clientOf('second operator', 'second');
    const stripeIds = await setScene(this.operator, second, rig.stripe, this.clock);
    await this.underLoad();
    await rig.untilReady(signal);
    await drain(rig, this.days, signal);
    await history.close();
    this.tell('all is quiet; the history is checked');
    const processes = await this.processes.rows(tally);
    const { answeredMeanwhile } = this;
    const found = await this.check(stripeIds);
    return {
      seed: options.seed,
      loadSeconds: options.seconds,
      tally,
      processes,
      answeredMeanwhile,
      ...found,
    };
  }

  private async underLoad(): Promise<void> {
    const { rig, days, options, history, clock, signal } = this;
    const clients = Array.from({ length: CLIENTS }, (_, n) =>
      this.clientOf(`client-${n + 1}`, 'first'),
    );
    const traffic = new Traffic(history, clock, signal, true);
    traffic.start(clients, this.clientOf('quiet', 'second'), options.seed);
    days.start();
    const third = options.seconds / 3;
    using bar = new ProgressBar(options.seconds, BAR, this.shown());
    await this.wait(0, third, bar);
    await this.kill(rig.apis);
    await this.wait(third, third, bar);
    await this.kill(rig.workers);
    await this.wait(2 * third, third, bar);
    await Promise.all([traffic.stop(() => this.gaveUp.abort()), days.stop()]);
  }

  private async kill(stations: readonly Station[]): Promise<void> {
    const { random, history, signal, tally } = this;
    let atWork: Station[];
    while ((atWork = stations.filter(({ process }) => process.isAtWork)).length === 0) {
      await sleep(POLL_MS, undefined, { signal });
    }
    const station = random.pick(atWork);
    const { process } = station;
    await this.processes.kill(station);
    this.killed++;
    history.add({ op: 'crash', type: 'info', what: `kill -9 of ${process.name}` });
    this.tell(`kill -9 of ${process.name}`);
    const before = tally.accepted + tally.duplicate;
    while (!process.isReady) await sleep(POLL_MS, undefined, { signal });
    const answered = tally.accepted + tally.duplicate - before;
    this.answeredMeanwhile += answered;
    this.tell(`${process.name} is back; the others answered ${answered} events meanwhile`);
  }

  private async wait(fromS: number, seconds: number, bar: ProgressBar): Promise<void> {
    const begun = performance.now();
    const passed = (): number => (performance.now() - begun) / 1_000;
    while (passed() < seconds) {
      await sleep(POLL_MS, undefined, { signal: this.signal });
      bar.update(Math.min(Math.floor(fromS + passed()), this.options.seconds), this.shown());
    }
  }

  private shown(): Record<string, number> {
    return { sent: this.tally.transmitted, killed: this.killed };
  }

  private async check(stripeIds: StripeIds): Promise<Pick<ScaleOutResult, 'checks' | 'figures'>> {
    const { rig, history, days } = this;
    const { stripe, postgres } = rig;
    const admin = await postgres.connect();
    try {
      const log = postgres.logFile;
      const subject = { file: history.file, log, stripe, stripeIds, isProduct: true };
      const checks = await checkAll(admin, subject);
      return {
        checks,
        figures: await readFigures(admin, { closes: days.closes, stripeFaults: 0 }),
      };
    } finally {
      await admin.end();
    }
  }

  private clientOf(name: string, tenant: Tenant): ProofClient {
    const { house, history, tally, signal } = this;
    const ends = name.includes('operator') ? signal : AbortSignal.any([signal, this.gaveUp.signal]);
    return new ProofClient(name, tenant, house, history, tally, this.derived(), ends);
  }

  private derived(): Random {
    return new Random(this.random.below(2 ** 31));
  }
}
