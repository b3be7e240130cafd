import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../src/commands/demo/random.js';
import type { SimulatedStripe } from '../src/commands/demo/simulated-stripe.js';
import { LEASE_S } from '../src/push/push-claim.store.js';
import type { History } from './history.js';
import type { ProofClient } from './proof-client.js';
import { setClocks } from './scenery.js';
import type { StoryClock } from './story-clock.js';

const SHORT_DAY_MS = 8_000;
const SHORT_DAYS = 6;
/**
 * As long as a push waits whose worker died over it. Stripe takes no timestamps over 35 days old, and
 * workers die so often here that with shorter days pushes are left behind.
 */
const LONG_DAY_MS = LEASE_S * 1_000;
const BY_COMMAND = 0.7;

/** Days that pass for the first tenant while it is under load, each with closes at its end. */
export class Days {
  closes = 0;
  private readonly stopped = new AbortController();
  private loop: Promise<void> | undefined;

  constructor(
    private readonly operator: ProofClient,
    private readonly stripe: SimulatedStripe,
    private readonly clock: StoryClock,
    private readonly history: History,
    private readonly random: Random,
    private readonly signal: AbortSignal,
  ) {}

  start(): void {
    this.loop = this.run();
    this.loop.catch(() => undefined);
  }

  async stop(): Promise<void> {
    this.stopped.abort();
    await this.loop;
  }

  /** Ends so many days, and closes what has ended. */
  async pass(days: number): Promise<void> {
    const next = this.clock.dayOf(this.clock.today.number + days);
    await setClocks(this.operator, this.stripe, next);
    // Only now: what clients send as of a day must not lie ahead of the clock.
    this.clock.today = next;
    this.history.add({ op: 'clock', type: 'ok', what: new Date(next.noonMs).toISOString() });
  }

  async close(): Promise<void> {
    await this.operator.command('POST', '/v1/period-closes', {});
    this.closes++;
    this.history.add({ op: 'close', type: 'ok', what: 'all that has ended' });
  }

  private async run(): Promise<void> {
    const signal = AbortSignal.any([this.signal, this.stopped.signal]);
    while (!signal.aborted) {
      const ms = this.clock.today.number < SHORT_DAYS ? SHORT_DAY_MS : LONG_DAY_MS;
      const isEnd = await sleep(ms, false, { signal }).catch(() => true);
      if (isEnd) break;
      await this.pass(1);
      // Otherwise it is left to the workers' own clock.
      if (this.random.chance(BY_COMMAND)) await this.close();
    }
  }
}
