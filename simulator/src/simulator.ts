import { addCustomer } from './customers.js';
import type { ArmedFault, Faults, FaultScript } from './faults.js';
import {
  ledgerOf,
  rejectionsOf,
  totalsOf,
  type HourTotal,
  type LedgerEntry,
  type LedgerFilter,
  type RejectionEntry,
} from './ledger.js';
import type { Listener } from './listener.js';
import { resolveSwitches } from './options.js';
import type { RateLimiter } from './rate-limit.js';
import type { Switches } from './switches.js';
import type { World } from './world.js';

export interface ClockState {
  /** Unix seconds with milliseconds as the fraction. */
  now: number;
  rfc3339: string;
  frozen: boolean;
}

/**
 * Stripe's billing meters on a local port, with an oracle on another. What the oracle's routes do
 * over HTTP the methods do directly.
 */
export class Simulator {
  #listeners: { api: Listener; oracle: Listener } | null = null;

  constructor(
    private readonly world: World,
    private readonly faultScripts: Faults,
    private readonly rateLimiter: RateLimiter,
  ) {}

  /** Tells where the simulator can be reached; called once, by `startSimulator`. */
  listenOn(api: Listener, oracle: Listener): void {
    this.#listeners = { api, oracle };
  }

  /** Closes both ports, and with them every open connection. */
  async stop(): Promise<void> {
    const { api, oracle } = this.#started();
    await Promise.all([api.close(), oracle.close()]);
  }

  /** Where the simulated API listens, such as `http://127.0.0.1:12111`. */
  get url(): string {
    return this.#started().api.url;
  }

  get oracleUrl(): string {
    return this.#started().oracle.url;
  }

  /** Every counted event in order of receipt. */
  ledger(filter?: LedgerFilter): LedgerEntry[] {
    return ledgerOf(this.world, filter);
  }

  /** Every event that was answered with 200 and never counts. */
  rejections(): RejectionEntry[] {
    return rejectionsOf(this.world);
  }

  /** Exact sums by customer and UTC hour. */
  totals(filter?: LedgerFilter): HourTotal[] {
    return totalsOf(this.world, filter);
  }

  clock(): ClockState {
    const nowMs = this.world.clock.nowMs();
    const { frozen } = this.world.clock;
    return { now: nowMs / 1000, rfc3339: new Date(nowMs).toISOString(), frozen };
  }

  /** Unix milliseconds. */
  setClock(nowMs: number): void {
    this.world.clock.setMs(nowMs);
  }

  advanceClock(seconds: number): void {
    this.world.clock.advanceMs(Math.round(seconds * 1000));
  }

  freezeClock(frozen: boolean): void {
    this.world.clock.setFrozen(frozen);
  }

  /** Throws a RangeError for a fault nobody knows. */
  addFault(script: FaultScript): void {
    this.faultScripts.add(script);
  }

  faults(): ArmedFault[] {
    return this.faultScripts.list();
  }

  clearFaults(): void {
    this.faultScripts.clear();
  }

  switches(): Readonly<Switches> {
    return this.world.switches;
  }

  /** Throws a RangeError for a setting that Stripe's documentation rules out. */
  setSwitches(changes: Partial<Switches>): void {
    this.world.switches = resolveSwitches(changes, this.world.switches);
  }

  /** Shows everything received so far in summaries, however long the aggregation lag. */
  flush(): void {
    const nowMs = this.world.clock.nowMs();
    for (const account of this.world.accounts.all()) account.events.flush(nowMs);
  }

  /** A customer with a chosen id, in the account of a secret key or else in every account. */
  addCustomer(id: string, secretKey?: string): void {
    if (secretKey === undefined) {
      this.world.addCustomerEverywhere(id);
      return;
    }
    const account = this.world.accounts.ofKey(secretKey);
    if (!account) throw new RangeError('A secret key begins with sk_test_ or sk_live_');
    addCustomer(this.world, account, id);
  }

  /** Back to the state right after the start: no accounts, no faults, clock and switches as given. */
  reset(): void {
    this.world.reset();
    this.faultScripts.clear();
    this.rateLimiter.clear();
  }

  #started() {
    if (!this.#listeners) throw new Error('The simulator does not listen.');
    return this.#listeners;
  }
}
