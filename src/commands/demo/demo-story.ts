import { CommandFailure } from '../command-failure.js';
import { ProgressBar } from '../progress-bar.js';
import type { Incidents, Places } from './demo-result.js';
import { DEMO_CUSTOMERS, DEMO_METERS, demoEvents, demoPeriod } from './demo-usage.js';
import { waitFor } from './pause.js';
import {
  laneOf,
  LANES,
  readStatements,
  reckon,
  reckonLedger,
  reckonTotals,
  type Statement,
} from './reckoning.js';
import type { Rig } from './rig.js';
import { UsageSender, type SendingTally } from './send-usage.js';

const EVENTS = 6_000;
/** After these parts of the events the server is killed. */
const KILLED_AT = [0.3, 0.65];
const PUSH_TIMEOUT_MS = 120_000;
const UNSETTLED = ['pending', 'sending', 'unknown'] as const;
const FORMAT = '  {bar} {value} of {total} {what}';

interface Push {
  readonly attempts: number;
}

/** The whole way once, from a client's ids to Stripe's sums. */
export class DemoStory {
  private readonly period = demoPeriod(new Date());
  private readonly events = demoEvents(this.period, EVENTS);
  /** Stripe's ids of our customers. */
  private readonly stripeIds = new Map<string, string>();
  private kills = 0;
  private sender!: UsageSender;

  constructor(
    private readonly rig: Rig,
    private readonly signal: AbortSignal,
    private readonly tell: (line: string) => void,
  ) {}

  get tally(): SendingTally {
    return this.sender.tally;
  }

  /** Clocks, meters and customers, here and at the simulated Stripe. */
  async prepare(): Promise<void> {
    const { client, stripe } = this.rig;
    await stripe.setClock(this.period.sendingAt);
    await client.command('POST', '/v1/test-clock', { now: this.period.sendingAt.toISOString() });
    for (const { key, aggregation } of DEMO_METERS) {
      await stripe.createMeter(key);
      await client.command('PUT', `/v1/meters/${key}`, { aggregation, stripe_event_name: key });
    }
    for (const id of DEMO_CUSTOMERS) {
      this.stripeIds.set(id, await stripe.createCustomer(id));
      const mapping = { stripe_customer_id: this.stripeIds.get(id) };
      await client.command('PUT', `/v1/customers/${id}`, mapping);
    }
    const names = DEMO_METERS.map(({ key, aggregation }) => `${key} (${aggregation})`).join(', ');
    this.tell(`${DEMO_CUSTOMERS.length} customers, the meters ${names}, mapped to Stripe`);
  }

  /** All events, while the server is killed and started again. */
  async send(): Promise<void> {
    using bar = new ProgressBar(EVENTS, FORMAT, { what: 'events' });
    const killing: Promise<void>[] = [];
    this.sender = new UsageSender(this.rig.client, (acknowledged) => {
      bar.update(acknowledged);
      const next = KILLED_AT[killing.length];
      if (next === undefined || acknowledged < next * EVENTS) return;
      const killed = this.kill(acknowledged);
      // Looked at below; until then it must not end the process.
      killed.catch(() => undefined);
      killing.push(killed);
    });
    try {
      await this.sender.sendAll(this.events);
    } finally {
      // A server that did not start again is why the client got no answer.
      await Promise.all(killing);
    }
    const { tally, rig } = this;
    if (tally.rejected.length > 0) {
      throw new CommandFailure(
        `Rejected: ${tally.rejected.slice(0, 3).join('; ')}`,
        'demo_rejected',
      );
    }
    if (tally.conflict !== tally.conflictsSent) {
      throw new CommandFailure(
        `${tally.conflictsSent} ids were used twice, ${tally.conflict} were answered as conflicts.`,
        'demo_conflicts',
      );
    }
    this.tell(
      `${EVENTS} events sent as ${tally.transmitted}: ${tally.sentTwice} requests twice, ` +
        `${rig.client.dropped} answers dropped, ${rig.client.retries} requests retried`,
    );
    this.tell(
      `answered: ${tally.acknowledged.size} ids recorded, ${tally.duplicate} duplicates, ` +
        `${tally.conflict} conflicts for ${tally.conflictsSent} ids used twice`,
    );
  }

  /** Past the end of the month; every period is closed. */
  async close(): Promise<void> {
    const { client, stripe } = this.rig;
    await stripe.addFaults();
    await stripe.setClock(this.period.closingAt);
    await client.command('POST', '/v1/test-clock', { now: this.period.closingAt.toISOString() });
    await client.command('POST', '/v1/period-closes', {});
    const statements = await waitFor('The close', PUSH_TIMEOUT_MS, this.signal, async () => {
      const read = await readStatements(client, this.period);
      return [...read.values()].every(({ status }) => status === 'closed') ? read : undefined;
    });
    this.tell(
      `${statements.size} billing periods closed at ${this.period.closingAt.toISOString()}`,
    );
  }

  /** Waits until no push is on its way and every statement has arrived. */
  async push(): Promise<ReadonlyMap<string, Statement>> {
    using bar = new ProgressBar(LANES.length, FORMAT, { what: 'statements at Stripe' });
    const { client } = this.rig;
    return waitFor('Pushing to Stripe', PUSH_TIMEOUT_MS, this.signal, async () => {
      if (await this.hasPushes(UNSETTLED)) return undefined;
      if (await this.hasPushes(['held', 'rejected', 'disputed'])) {
        throw new CommandFailure('Pushes are held, rejected or disputed.', 'demo_push');
      }
      const statements = await readStatements(client, this.period);
      const arrived = [...statements.values()].filter((s) => s.delivered === s.value).length;
      bar.update(arrived);
      return arrived === statements.size ? statements : undefined;
    });
  }

  async incidents(): Promise<Incidents> {
    const pushes: Push[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const query: string = cursor === '' ? '' : `&cursor=${cursor}`;
      const page: { data: Push[]; next_cursor: string | null } = await this.rig.client.get(
        `/v1/pushes?limit=1000${query}`,
      );
      pushes.push(...page.data);
      cursor = page.next_cursor;
    }
    const incidents = {
      kills: this.kills,
      retries: this.rig.client.retries,
      droppedAnswers: this.rig.client.dropped,
      stripeFaults: await this.rig.stripe.faultsHit(),
      pushes: pushes.length,
      pushesRetried: pushes.filter(({ attempts }) => attempts > 1).length,
    };
    this.tell(
      `${incidents.pushes} pushes delivered through ${incidents.stripeFaults} faults of Stripe, ` +
        `${incidents.pushesRetried} of them sent again`,
    );
    return incidents;
  }

  /** Reads the usage in every place it passed. */
  async reckon(statements: ReadonlyMap<string, Statement>): Promise<Places> {
    const { client, stripe } = this.rig;
    const atStripe = await stripe.totals();
    return {
      sent: reckon(this.events),
      distinct: reckon(this.events.filter((e) => this.tally.acknowledged.has(e.usage_event_id))),
      ledger: await reckonLedger(client, this.period),
      totals: await reckonTotals(client, this.period),
      statements,
      stripe: new Map(
        LANES.map(({ customerId, meter }) => [
          laneOf(customerId, meter),
          atStripe.get(`${this.stripeIds.get(customerId)} ${meter}`) ?? '0',
        ]),
      ),
    };
  }

  private async kill(acknowledged: number): Promise<void> {
    this.kills++;
    await this.rig.killServer();
    this.tell(`server killed (SIGKILL) after ${acknowledged} events; the client keeps trying`);
    await this.rig.startServer();
    this.tell('server started again on what it left');
  }

  private async hasPushes(statuses: readonly string[]): Promise<boolean> {
    for (const status of statuses) {
      const path = `/v1/pushes?status=${status}&limit=1`;
      if ((await this.rig.client.get<{ data: Push[] }>(path)).data.length > 0) return true;
    }
    return false;
  }
}
