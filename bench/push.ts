import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { loadConfig } from '../src/config/config.js';
import { Database } from '../src/database/database.js';
import { Metrics } from '../src/metrics/metrics.js';
import { PushClaimer } from '../src/push/push-claimer.js';
import { PushSender } from '../src/push/push-sender.js';
import { PushTarget, type SendOutcome } from '../src/stripe/push-target.js';
import { StripeAccounts } from '../src/stripe/stripe-accounts.js';
import { StripeBreaker } from '../src/stripe/stripe-breaker.js';
import { StripeMeterEvents } from '../src/stripe/stripe-meter-events.js';
import { StripePace } from '../src/stripe/stripe-pace.js';
import { createBenchDatabase } from './bench-database.js';
import { createDuePushes } from './due-pushes.js';

const SECRET_KEY = 'sk_live_51BenchAccount0000000';
const ACCOUNT = { accountId: 'acct_bench', livemode: true };
const EVENT_NAME = 'calls';
const SAMPLE_MS = 500;
const MIB = 2 ** 20;

interface Result {
  readonly pushes: number;
  readonly customers: number;
  readonly permittedPerSecond: number;
  readonly perSecond: number;
  readonly share: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Of this process, without simulator and database. */
  readonly cpuMsPerPush: number;
  readonly rssStartMib: number;
  readonly rssMaxMib: number;
  readonly rssEndMib: number;
  readonly outcomes: Readonly<Record<string, number>>;
  /** What the simulator counted, and of how many identifiers. */
  readonly counted: number;
  readonly identifiers: number;
}

/**
 * How fast due pushes drain, against the rate that is permitted; simulator and database run on the
 * same machine. node bench/run.js push --pushes 20000 --customers 20000 --rate 1000 --json
 */
export async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      pushes: { type: 'string', default: '20000' },
      customers: { type: 'string', default: '20000' },
      rate: { type: 'string', default: '1000' },
      json: { type: 'boolean', default: false },
    },
  });
  const [pushes, customers, rate] = [values.pushes, values.customers, values.rate].map(Number);
  const result = await measure(pushes!, Math.min(customers!, pushes!), rate!);
  process.stdout.write(values.json ? `${JSON.stringify(result)}\n` : described(result));
}

async function measure(pushes: number, customers: number, rate: number): Promise<Result> {
  const simulator = fork(fileURLToPath(new URL('run.js', import.meta.url)), [
    'push-simulator',
    SECRET_KEY,
    EVENT_NAME,
    String(rate),
  ]);
  const [{ url }] = (await once(simulator, 'message')) as [{ url: string }];
  await using database = await createBenchDatabase();
  const config = loadConfig({
    STRIPE_SECRET_KEY: SECRET_KEY,
    STRIPE_ACCOUNT_ID: ACCOUNT.accountId,
    STRIPE_API_BASE: url,
    STRIPE_CALLS_PER_SECOND: String(rate),
  });
  const db = new Database(database.url, config.DATABASE_POOL_SIZE);
  try {
    const fixture = { pushes, customers, ...ACCOUNT, eventName: EVENT_NAME };
    const tenantId = await createDuePushes(db, fixture);
    const drained = await drain(db, config, tenantId);
    const perSecond = pushes / drained.seconds;
    const share = perSecond / rate;
    const { seconds: _, cpuMs, ...rest } = drained;
    return {
      cpuMsPerPush: cpuMs / pushes,
      pushes,
      customers,
      permittedPerSecond: rate,
      perSecond,
      share,
      ...rest,
      ...(await stop(simulator)),
    };
  } finally {
    if (simulator.connected) simulator.kill();
    await db.end();
  }
}

async function drain(db: Database, config: ReturnType<typeof loadConfig>, tenantId: string) {
  const pace = new StripePace(config, db);
  const metrics = new Metrics();
  const target = new TimedTarget(new StripeMeterEvents(pace, metrics));
  const accounts = new StripeAccounts(db, config);
  const breaker = new StripeBreaker(metrics);
  const claimer = new PushClaimer(db, config, pace);
  const sender = new PushSender(db, accounts, pace, breaker, claimer, target);
  const rss = [process.memoryUsage.rss()];
  const sampling = setInterval(() => rss.push(process.memoryUsage.rss()), SAMPLE_MS);
  const from = performance.now();
  const cpuFrom = process.cpuUsage();
  while (!(await isDrained(db, tenantId))) await sender.send(tenantId);
  const seconds = (performance.now() - from) / 1_000;
  const { user, system } = process.cpuUsage(cpuFrom);
  clearInterval(sampling);
  // The first second warms up: connections, code, and a queue's worth of rows.
  const warm = rss[Math.min(4, rss.length - 1)]!;
  return {
    seconds,
    cpuMs: (user + system) / 1_000,
    ...target.figures(),
    rssStartMib: Math.round(warm / MIB),
    rssMaxMib: Math.round(Math.max(...rss) / MIB),
    rssEndMib: Math.round(rss.at(-1)! / MIB),
  };
}

async function isDrained(db: Database, tenantId: string): Promise<boolean> {
  const [row] = await db.work.query<{ isDrained: boolean }>(
    `SELECT NOT EXISTS (SELECT FROM push WHERE tenant_id = $1 AND status <> 'delivered')
              AS "isDrained"`,
    [tenantId],
  );
  return row!.isDrained;
}

async function stop(
  simulator: ChildProcess,
): Promise<{ readonly counted: number; readonly identifiers: number }> {
  simulator.send('stop');
  const [counts] = (await once(simulator, 'message')) as [{ counted: number; identifiers: number }];
  return counts;
}

function described(result: Result): string {
  return (
    `${result.pushes} pushes of ${result.customers} customers: ${result.perSecond.toFixed(0)}/s, ` +
    `${(result.share * 100).toFixed(1)} % of the ${result.permittedPerSecond}/s permitted; ` +
    `calls took ${result.p50Ms.toFixed(0)} ms (median), ${result.p99Ms.toFixed(0)} ms (p99); ` +
    `${result.cpuMsPerPush.toFixed(2)} ms of CPU a push; RSS ${result.rssStartMib} MiB once warm, ${result.rssMaxMib} at most, ` +
    `${result.rssEndMib} at the end; ${JSON.stringify(result.outcomes)}; ` +
    `${result.counted} counted of ${result.identifiers} identifiers\n`
  );
}

/** Counts what came of calls, and times them in a histogram of milliseconds: its size is fixed. */
class TimedTarget extends PushTarget {
  private readonly counts = new Uint32Array(30_000);
  private readonly outcomes: Record<string, number> = {};

  constructor(private readonly target: PushTarget) {
    super();
  }

  async send(...request: Parameters<PushTarget['send']>): Promise<SendOutcome> {
    const from = performance.now();
    const outcome = await this.target.send(...request);
    const ms = Math.min(this.counts.length - 1, Math.round(performance.now() - from));
    this.counts[ms] = this.counts[ms]! + 1;
    this.outcomes[outcome.kind] = (this.outcomes[outcome.kind] ?? 0) + 1;
    return outcome;
  }

  figures() {
    return { p50Ms: this.at(0.5), p99Ms: this.at(0.99), outcomes: this.outcomes };
  }

  private at(share: number): number {
    let left = share * this.counts.reduce((sum, count) => sum + count, 0);
    return this.counts.findIndex((count) => (left -= count) <= 0);
  }
}
