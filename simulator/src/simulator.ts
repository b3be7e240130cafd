import {
  invoicesOf,
  subscriptionsOf,
  type BilledInvoice,
  type SubscriptionEntry,
} from './billing-report.js';
import { addCustomer } from './customers.js';
import { attemptsOf, type AttemptsReport } from './attempts-report.js';
import type { ArmedFault, FaultScript } from './faults.js';
import { countForeign, type ForeignEvent } from './foreign-events.js';
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
import type { WebhookDelivery } from './webhook-delivery.js';
import type { WebhookEndpoint, WebhookEndpointOrder } from './webhook-endpoint.js';
import { putEndpoint, type WebhookRuns } from './webhook-run.js';
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
    private readonly rateLimiter: RateLimiter,
    private readonly webhookRuns: WebhookRuns,
  ) {}

  /** Tells where the simulator can be reached; called once, by `startSimulator`. */
  listenOn(api: Listener, oracle: Listener): void {
    this.#listeners = { api, oracle };
  }

  /** Closes both ports, and with them every open connection. */
  async stop(): Promise<void> {
    const { api, oracle } = this.#started();
    this.webhookRuns.stop();
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

  /** What the requests for meter events looked like, and whether keys were used as they should. */
  attempts(): AttemptsReport {
    return attemptsOf(this.world);
  }

  /** Counts an event of another writer than the client. Throws a RangeError if it cannot count. */
  countForeign(event: ForeignEvent): LedgerEntry {
    return countForeign(this.world, event);
  }

  /** Rolls a secret or restricted key: from now on it is answered 401. */
  revokeKey(key: string): void {
    this.world.accounts.revoke(key);
  }

  /** Lets the platform of a key work on an account with the header `Stripe-Account`. */
  connectAccount(platformKey: string, accountId: string): void {
    this.world.accounts.connect(platformKey, accountId);
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

  /**
   * Moves the clock forward past all that is due on the way, each at its moment, and delivers
   * webhooks meanwhile. Unix milliseconds.
   */
  advanceTo(nowMs: number): Promise<void> {
    return this.webhookRuns.advanceTo(nowMs);
  }

  freezeClock(frozen: boolean): void {
    this.world.clock.setFrozen(frozen);
  }

  /** Throws a RangeError for a fault nobody knows. */
  addFault(script: FaultScript): void {
    this.world.faults.add(script);
  }

  faults(): ArmedFault[] {
    return this.world.faults.list();
  }

  /** Ends an outage too. */
  clearFaults(): void {
    this.world.faults.clear();
    this.world.outage.end();
  }

  switches(): Readonly<Switches> {
    return this.world.switches;
  }

  /** Throws a RangeError for a setting that Stripe's documentation rules out. */
  setSwitches(changes: Partial<Switches>): void {
    const { switches, belowStripeMinimum } = this.world;
    this.world.switches = resolveSwitches(changes, switches, belowStripeMinimum);
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

  /** Every invoice with its exact quantities. */
  invoices(): BilledInvoice[] {
    return invoicesOf(this.world);
  }

  subscriptions(): SubscriptionEntry[] {
    return subscriptionsOf(this.world);
  }

  /** Adds an endpoint, or with an id changes one. Events made before are not sent to it. */
  addWebhookEndpoint(order: WebhookEndpointOrder): WebhookEndpoint {
    return putEndpoint(this.world, order);
  }

  webhookEndpoints(): WebhookEndpoint[] {
    return this.world.webhooks.endpoints();
  }

  /** False when there is none of this id. */
  removeWebhookEndpoint(id: string): boolean {
    return this.world.webhooks.remove(id);
  }

  /** Sends every webhook that is due, and waits for the answers. */
  deliverDue(): Promise<void> {
    return this.webhookRuns.deliverDue();
  }

  /** Every delivery with its attempts, in the order in which the events were made. */
  webhooks(): WebhookDelivery[] {
    return this.world.webhooks.deliveries();
  }

  /** Back to the state right after the start: no accounts, no faults, clock and switches as given. */
  reset(): void {
    this.world.reset();
    this.rateLimiter.clear();
  }

  #started() {
    if (!this.#listeners) throw new Error('The simulator does not listen.');
    return this.#listeners;
  }
}
