import { randomUUID } from 'node:crypto';
import type { Account } from './account.js';
import { Accounts } from './accounts.js';
import { VirtualClock } from './clock.js';
import { Faults } from './faults.js';
import { randomId } from './ids.js';
import { resolveSwitches, type SimulatorOptions } from './options.js';
import { Outage } from './outage.js';
import { drawMs, randomFor, type Random } from './seeded-random.js';
import { StreamSessions } from './stream-sessions.js';
import { SummaryReplica } from './summary-replica.js';
import type { Switches } from './switches.js';
import { WebhookQueue } from './webhook-queue.js';

/** What every endpoint shares: the clock, the accounts, and how Stripe behaves today. */
export class World {
  readonly clock: VirtualClock;
  readonly accounts: Accounts;
  readonly webhooks: WebhookQueue;
  switches: Switches;
  /** Whether switches may have Stripe forget sooner than it promises. */
  readonly belowStripeMinimum: boolean;
  readonly #initialSwitches: Switches;
  readonly #autoCustomers: boolean;
  /** Customers with a chosen id that exist in every account and mode. */
  readonly #customersEverywhere = new Set<string>();
  #lastReceipt = 0;
  readonly faults: Faults;
  readonly outage: Outage;
  readonly streamSessions: StreamSessions;
  readonly #seed: number | undefined;
  #chance: Chance;

  constructor(options: SimulatorOptions) {
    this.#seed = options.seed;
    this.#chance = chanceOf(options.seed);
    this.clock = new VirtualClock(options.now, options.freeze);
    this.accounts = new Accounts(options.accounts, options.connectedAccounts);
    this.faults = new Faults(options.seed);
    this.outage = new Outage(this.clock);
    this.streamSessions = new StreamSessions(() => this.clock.nowMs());
    this.belowStripeMinimum = options.belowStripeMinimum ?? false;
    this.#initialSwitches = resolveSwitches(
      options.switches ?? {},
      undefined,
      this.belowStripeMinimum,
    );
    this.switches = this.#initialSwitches;
    this.webhooks = new WebhookQueue(
      this.clock,
      this.accounts,
      () => this.switches,
      options.seed ?? 1,
    );
    this.#autoCustomers = options.autoCustomers ?? false;
  }

  /** A random object id in Stripe's manner; with a seed always the same ones in the same order. */
  newId(prefix: string, length?: number): string {
    return randomId(prefix, length, this.#chance.ids);
  }

  /** As Stripe generates for an event without one. */
  newIdentifier(): string {
    return this.#chance.ids ? this.newId('', 32) : randomUUID();
  }

  /** From when on summaries show, or leave out, what happens now. */
  shownAtMs(account: Account): number {
    const { aggregationLagMs: lag } = this.switches;
    const lagMs = lag === 'paused' ? Infinity : drawMs(lag, this.#chance.lags);
    return account.events.afterStall(this.clock.trueMs() + lagMs);
  }

  nextReceipt(): number {
    this.#lastReceipt += 1;
    return this.#lastReceipt;
  }

  customerExists(account: Account, id: string): boolean {
    if (account.deletedCustomers.has(id)) return false;
    if (account.customers.has(id) || this.#customersEverywhere.has(id)) return true;
    return this.#autoCustomers && /^cus_.+$/.test(id);
  }

  addCustomerEverywhere(id: string): void {
    this.#customersEverywhere.add(id);
  }

  /** The moment whose state the next summary read sees. */
  summaryReadAsOfMs(): number {
    const { staleReads, staleReplicaMs } = this.switches;
    return this.clock.nowMs() - this.#chance.replica.nextLagMs(staleReads, staleReplicaMs);
  }

  reset(): void {
    this.clock.reset();
    this.accounts.clear();
    this.webhooks.clear();
    this.#customersEverywhere.clear();
    this.switches = this.#initialSwitches;
    this.#lastReceipt = 0;
    this.#chance = chanceOf(this.#seed);
    this.faults.clear();
    this.outage.end();
    this.streamSessions.clear();
  }
}

/** All that is drawn, each from a stream of its own. */
interface Chance {
  /** Null without a seed: ids are then never the same twice. */
  ids: Random | null;
  lags: Random;
  replica: SummaryReplica;
}

function chanceOf(seed: number | undefined): Chance {
  return {
    ids: seed === undefined ? null : randomFor(seed, 'ids'),
    lags: randomFor(seed ?? DEFAULT_SEED, 'aggregation lags'),
    replica: new SummaryReplica(randomFor(seed ?? DEFAULT_SEED, 'summary reads')),
  };
}

const DEFAULT_SEED = 1;
