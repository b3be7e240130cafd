import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '../src/commands/demo/random.js';
import type { History } from './history.js';
import type { ProofClient } from './proof-client.js';
import type { StoryClock } from './story-clock.js';
import { corrupted, CUSTOMERS, eventOf, METERS, type ProofEvent } from './usage.js';

const BATCH_MAX = 12;
const PAUSE_MS_MAX = 120;
/** The second tenant's way. */
const QUIET_PAUSE_MS = 300;
const COPIES = 0.12;
const CONFLICTS = 0.04;
/** Requests that are sent twice at once, the second time in another order, between two more events. */
const RIVALS = 0.15;
/** Requests that are sent again, whole, once they were answered. */
const REPLAYS = 0.05;
const READS = 0.1;
const REMEMBERED = 400;
/** How long everything may take to be answered once all faults are over. */
const PATIENCE_MS = 90_000;

/** Clients that send usage until they are told to stop. */
export class Traffic {
  private isStopping = false;
  private readonly loops: Promise<void>[] = [];

  constructor(
    private readonly history: History,
    private readonly clock: StoryClock,
    private readonly signal: AbortSignal,
    /** Whether there is something to read from. */
    private readonly reads: boolean,
  ) {}

  start(clients: readonly ProofClient[], quiet: ProofClient, seed: number): void {
    this.loops.push(
      ...clients.map((client, n) => this.busy(client, new Random(seed + 101 * (n + 1)))),
      this.quiet(quiet, new Random(seed + 7)),
    );
    // Whoever stops it looks at them; until then none of them must end the process.
    for (const loop of this.loops) loop.catch(() => undefined);
  }

  /** Ends once everything that was sent is known to have arrived, or nobody answers any more. */
  async stop(giveUp: () => void): Promise<void> {
    this.isStopping = true;
    const timer = setTimeout(giveUp, PATIENCE_MS);
    await Promise.allSettled(this.loops);
    clearTimeout(timer);
    this.signal.throwIfAborted();
  }

  private async busy(client: ProofClient, random: Random): Promise<void> {
    const known: ProofEvent[] = [];
    let made = 0;
    const next = (): ProofEvent => {
      if (known.length > 0 && random.chance(COPIES)) return random.pick(known);
      if (known.length > 0 && random.chance(CONFLICTS)) return corrupted(random.pick(known));
      return eventOf(`${client.name}-${made++}`, this.clock.today, random);
    };
    while (!this.isStopping) {
      const events = Array.from({ length: 1 + random.below(BATCH_MAX) }, next);
      const sent = [client.send(events)];
      const rivals = random.chance(RIVALS) ? [next(), ...events.toReversed(), next()] : [];
      if (rivals.length > 0) sent.push(client.send(rivals));
      await Promise.all(sent);
      if (random.chance(REPLAYS)) await client.send(events);
      known.push(...new Set([...events, ...rivals].filter((event) => !known.includes(event))));
      known.splice(0, known.length - REMEMBERED);
      if (this.reads && random.chance(READS)) await this.read(client, random);
      await sleep(random.below(PAUSE_MS_MAX), undefined, { signal: this.signal });
    }
  }

  /** One event at a time, under the ids that the first tenant's first client uses. */
  private async quiet(client: ProofClient, random: Random): Promise<void> {
    for (let made = 0; !this.isStopping; made++) {
      await client.send([eventOf(`client-1-${made}`, this.clock.dayOf(0), random)]);
      await sleep(QUIET_PAUSE_MS, undefined, { signal: this.signal });
    }
  }

  /** A read sees every event that was answered before it. */
  private async read(client: ProofClient, random: Random): Promise<void> {
    const customer = random.pick(CUSTOMERS).id;
    const { key: meter } = random.pick(METERS);
    const invokedMs = this.history.now();
    // Sent without a time, it occurs when it is received: a day either way has it all.
    const from = new Date(this.clock.dayOf(-10).noonMs).toISOString();
    const to = new Date(this.clock.dayOf(this.clock.today.number + 2).noonMs).toISOString();
    const { data } = await client.command<{ data: { event_count: number }[] }>(
      'GET',
      `/v1/usage?meter=${meter}&customer_id=${customer}&window=total&from=${from}&to=${to}`,
    );
    const count = data[0]?.event_count ?? 0;
    const { name: process, tenant } = client;
    this.history.add({
      op: 'read',
      type: 'ok',
      process,
      tenant,
      customer,
      meter,
      invokedMs,
      count,
    });
  }
}
