import { DEMO_CUSTOMERS, type DemoEvent } from './demo-usage.js';
import { dropDelayMs, type DemoClient } from './demo-client.js';
import { Random } from './random.js';

const EVENTS_PER_REQUEST = 25;
const CONNECTIONS = 4;
const SENT_TWICE = 0.1;
const ANSWER_DROPPED = 0.08;
const CONFLICTS_PER_REQUEST = 0.15;

interface Receipt {
  readonly results: readonly {
    readonly usage_event_id?: string;
    readonly status: 'accepted' | 'duplicate' | 'conflict' | 'rejected';
    readonly error?: { readonly code: string; readonly detail: string };
  }[];
}

/** What the client saw. */
export interface SendingTally {
  /** Events in all requests that were answered, copies included. */
  transmitted: number;
  duplicate: number;
  conflict: number;
  conflictsSent: number;
  sentTwice: number;
  /** Ids that were answered accepted or duplicate. */
  readonly acknowledged: Set<string>;
  readonly rejected: string[];
}

/**
 * Sends all events, a batch at a time over a few connections, through everything that goes wrong
 * between a client and a server: copies, lost answers, and ids that are used a second time.
 */
export class UsageSender {
  readonly tally: SendingTally = {
    transmitted: 0,
    duplicate: 0,
    conflict: 0,
    conflictsSent: 0,
    sentTwice: 0,
    acknowledged: new Set(),
    rejected: [],
  };
  private readonly random = new Random(11);

  constructor(
    private readonly client: DemoClient,
    private readonly onProgress: (acknowledged: number) => void,
  ) {}

  async sendAll(events: readonly DemoEvent[]): Promise<void> {
    const batches = Array.from({ length: Math.ceil(events.length / EVENTS_PER_REQUEST) }, (_, n) =>
      events.slice(n * EVENTS_PER_REQUEST, (n + 1) * EVENTS_PER_REQUEST),
    );
    const queue = batches.values();
    const sendNext = async (): Promise<void> => {
      // All connections take from one queue.
      for (const batch of queue) await this.sendBatch(batch);
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, sendNext));
  }

  private async sendBatch(batch: readonly DemoEvent[]): Promise<void> {
    await this.sendEvents(batch);
    if (this.random.chance(SENT_TWICE)) {
      this.tally.sentTwice++;
      await this.sendEvents(batch);
    }
    if (this.random.chance(CONFLICTS_PER_REQUEST)) {
      await this.sendEvents([corrupted(this.random.pick(batch), this.random)]);
      this.tally.conflictsSent++;
    }
    this.onProgress(this.tally.acknowledged.size);
  }

  private async sendEvents(events: readonly DemoEvent[]): Promise<void> {
    const drop = this.random.chance(ANSWER_DROPPED) ? dropDelayMs(this.random.next()) : undefined;
    const answer = await this.client.send<Receipt>('POST', '/v1/usage-events', { events }, drop);
    this.tally.transmitted += events.length;
    for (const { usage_event_id: id = '', status, error } of answer.body.results) {
      if (status === 'duplicate') this.tally.duplicate++;
      if (status === 'conflict') this.tally.conflict++;
      if (status === 'rejected') this.tally.rejected.push(`${id}: ${error?.code} ${error?.detail}`);
      if (status === 'accepted' || status === 'duplicate') this.tally.acknowledged.add(id);
    }
  }
}

/** Another usage under an id that is taken: of another customer, and more of it. */
function corrupted(event: DemoEvent, random: Random): DemoEvent {
  const others = DEMO_CUSTOMERS.filter((id) => id !== event.customer_id);
  return { ...event, customer_id: random.pick(others), quantity: '999999' };
}
