import { startSimulator, type Simulator } from '@countonce/stripe-simulator';
import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { loadConfig } from '../src/config/config.js';
import type { SeededRandom } from '../test/races/seeded-random.js';
import { Calls } from './calls.js';
import { Figures } from './figures.js';
import type { Scenery } from './scenery.js';
import { StormDoor } from './storm-door.js';
import { StormClock } from './storm-clock.js';
import { StormLog } from './storm-log.js';
import { StormProcess } from './storm-process.js';
import { createStormDatabase, type StormServer } from './storm-server.js';
import { Trace } from './trace.js';
import type { Variant } from './variants.js';

export const KEYS = { test: 'sk_test_51StormAccount0000', live: 'sk_live_51StormAccount0000' };
const ACCOUNT = 'acct_storm';
const WEBHOOK_SECRET = 'whsec_storm';
/** A Stripe meter that a meter may be mapped to besides its first. */
export const SECOND = '_second';

/** All that a history plays in. */
export class StormWorld implements AsyncDisposable {
  readonly reach = { isAway: false };
  readonly figures = new Figures();
  readonly calls = new Calls();
  processes: StormProcess[] = [];
  mode: 'test' | 'live' = 'test';
  eventCount = 0;
  /** Processes that stand still before a call, and how they go on. */
  readonly stalled = new Map<StormProcess, { turn: Promise<void>; go: () => void }>();
  private door: StormDoor | undefined;
  private processCount = 0;
  private readonly ended: StormProcess[] = [];

  private constructor(
    readonly scenery: Scenery,
    readonly random: SeededRandom,
    readonly variant: Variant,
    readonly admin: pg.Client,
    readonly databaseUrl: string,
    readonly tenantId: string,
    readonly simulator: Simulator,
    readonly clock: StormClock,
    readonly trace: Trace,
    readonly log: StormLog,
    private readonly disposal: () => Promise<void>,
  ) {}

  static async open(
    server: Pick<StormServer, 'url' | 'template'>,
    scenery: Scenery,
    random: SeededRandom,
    variant: Variant,
  ): Promise<StormWorld> {
    const database = await createStormDatabase(server);
    const simulator = await startSimulator({
      now: scenery.startMs,
      freeze: true,
      seed: scenery.startMs % 1_000_000,
      rateLimits: false,
      autoCustomers: true,
      switches: scenery.switches,
      accounts: { [KEYS.test]: ACCOUNT, [KEYS.live]: ACCOUNT },
    });
    const clock = await StormClock.start(database.admin, simulator, scenery.startMs);
    const trace = new Trace(() => clock.nowMs);
    const log = new StormLog((line) => trace.add(`  ${line}`));
    const { rows } = await database.admin.query<{ tenant_id: string }>(
      `INSERT INTO tenant (name, hash_key) VALUES ('default', $1) RETURNING tenant_id`,
      [randomBytes(32)],
    );
    const dispose = async (): Promise<void> => {
      log[Symbol.dispose]();
      clock[Symbol.dispose]();
      await simulator.stop();
      await database[Symbol.asyncDispose]();
    };
    return new StormWorld(
      scenery,
      random,
      variant,
      database.admin,
      database.url,
      rows[0]!.tenant_id,
      simulator,
      clock,
      trace,
      log,
      dispose,
    );
  }

  /** Starts a process in place of one that is no more, or one more. */
  startProcess(): StormProcess {
    this.processCount += 1;
    const process = new StormProcess(this.processCount, this.config(), this);
    this.processes.push(process);
    return process;
  }

  /** Of the dead, nothing is left to run. */
  bury(): void {
    this.ended.push(...this.processes.filter(({ life }) => life.isOver));
    this.processes = this.processes.filter(({ life }) => !life.isOver);
  }

  /** As an orderly restart of everything does. */
  async endProcesses(): Promise<void> {
    await Promise.all(this.processes.map((process) => process.end()));
    this.ended.push(...this.processes);
    this.processes = [];
  }

  setAway(isAway: boolean): void {
    this.reach.isAway = isAway;
    for (const process of this.processes) process.hangUp();
  }

  /** Two meters at Stripe for one of ours, in test mode and in live. */
  async makeStripeMeters(key: string, formula: 'sum' | 'last'): Promise<void> {
    for (const eventName of [key, `${key}${SECOND}`]) {
      for (const secretKey of Object.values(KEYS)) {
        const body = new URLSearchParams({
          display_name: eventName,
          event_name: eventName,
          'default_aggregation[formula]': formula,
        });
        const made = await this.stripe(secretKey, '/v1/billing/meters', body);
        if (made === undefined) throw new Error(`Stripe did not make the meter ${eventName}`);
      }
    }
  }

  /** Has Stripe send its webhooks to us. */
  async openDoor(): Promise<void> {
    const anyProcess = (): StormProcess | undefined =>
      this.processes.find((process) => !this.stalled.has(process));
    this.door = await StormDoor.open(anyProcess);
    for (const key of Object.values(KEYS)) {
      const order = { url: this.door.url, secret: WEBHOOK_SECRET, types: ['*'], key };
      this.simulator.addWebhookEndpoint({ ...order, payload: 'thin' });
    }
  }

  /**
   * A request of somebody else than us; the faults of the moment are for him as well.
   *
   * @returns Nothing where it failed.
   */
  async stripe(secretKey: string, path: string, body?: URLSearchParams): Promise<unknown> {
    try {
      const response = await fetch(`${this.simulator.url}${path}`, {
        headers: { authorization: `Bearer ${secretKey}` },
        ...(body !== undefined && { method: 'POST', body }),
      });
      return response.ok ? await response.json() : undefined;
    } catch {
      return undefined;
    }
  }

  private config() {
    return loadConfig({
      STRIPE_SECRET_KEY: KEYS[this.mode],
      STRIPE_ACCOUNT_ID: ACCOUNT,
      STRIPE_API_BASE: this.simulator.url,
      STRIPE_CALLS_PER_SECOND: '10000',
      STRIPE_WEBHOOK_SECRET: WEBHOOK_SECRET,
      ...this.scenery.env,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.endProcesses();
    await this.door?.[Symbol.asyncDispose]();
    await this.disposal();
  }
}
