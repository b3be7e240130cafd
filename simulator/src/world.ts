import type { Account } from './account.js';
import { Accounts } from './accounts.js';
import { VirtualClock } from './clock.js';
import { resolveSwitches, type SimulatorOptions } from './options.js';
import type { Switches } from './switches.js';

/** What every endpoint shares: the clock, the accounts, and how Stripe behaves today. */
export class World {
  readonly clock: VirtualClock;
  readonly accounts: Accounts;
  switches: Switches;
  readonly #initialSwitches: Switches;
  readonly #autoCustomers: boolean;
  /** Customers with a chosen id that exist in every account and mode. */
  readonly #customersEverywhere = new Set<string>();
  #lastReceipt = 0;
  #summaryReads = 0;

  constructor(options: SimulatorOptions) {
    this.clock = new VirtualClock(options.now, options.freeze);
    this.accounts = new Accounts(options.accounts);
    this.#initialSwitches = resolveSwitches(options.switches ?? {});
    this.switches = this.#initialSwitches;
    this.#autoCustomers = options.autoCustomers ?? false;
  }

  nextReceipt(): number {
    this.#lastReceipt += 1;
    return this.#lastReceipt;
  }

  customerExists(account: Account, id: string): boolean {
    if (account.customers.has(id) || this.#customersEverywhere.has(id)) return true;
    return this.#autoCustomers && /^cus_.+$/.test(id);
  }

  addCustomerEverywhere(id: string): void {
    this.#customersEverywhere.add(id);
  }

  /**
   * The moment whose state the next summary read sees: with a stale replica every second read, from
   * the second on, sees an older one, so that consecutive reads step back.
   */
  summaryReadAsOfMs(): number {
    this.#summaryReads += 1;
    const isStale = this.#summaryReads % 2 === 0;
    return this.clock.nowMs() - (isStale ? this.switches.staleReplicaMs : 0);
  }

  reset(): void {
    this.clock.reset();
    this.accounts.clear();
    this.#customersEverywhere.clear();
    this.switches = this.#initialSwitches;
    this.#lastReceipt = 0;
    this.#summaryReads = 0;
  }
}
