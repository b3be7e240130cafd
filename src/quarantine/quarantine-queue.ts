import { Problem } from '../problem/problem.js';
import type { RefusedEvent } from './refused-event.js';

/** Of one transaction. */
const EVENTS_MAX = 1_000;
/** Twice what one request may hold; beyond this the sender is asked to come back. */
const WAITING_EVENTS_MAX = 20_000;

interface Waiting {
  readonly events: readonly RefusedEvent[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Writes what is refused of one tenant, one transaction at a time: they all lock the tenant's tally,
 * so two at a time would only hold two connections. Whoever comes meanwhile shares the next one. A
 * flood of refused events so costs the others one connection.
 */
export class QuarantineQueue {
  private waiting: Waiting[] = [];
  private waitingEvents = 0;
  private isBusy = false;

  constructor(private readonly commit: (events: readonly RefusedEvent[]) => Promise<void>) {}

  /**
   * Returns after the commit of all of them.
   *
   * @throws Problem `overloaded` where too many wait already.
   */
  async add(events: readonly RefusedEvent[]): Promise<void> {
    if (this.waitingEvents + events.length > WAITING_EVENTS_MAX) {
      throw new Problem('overloaded', 'too many refused events wait to be written down');
    }
    const parts: Promise<void>[] = [];
    for (let from = 0; from < events.length; from += EVENTS_MAX) {
      parts.push(this.enqueue(events.slice(from, from + EVENTS_MAX)));
    }
    await Promise.all(parts);
  }

  private enqueue(events: readonly RefusedEvent[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ events, resolve, reject });
      this.waitingEvents += events.length;
      if (!this.isBusy) void this.work();
    });
  }

  private async work(): Promise<void> {
    this.isBusy = true;
    while (this.waiting.length > 0) {
      const group = this.takeGroup();
      try {
        await this.commit(group.flatMap(({ events }) => events));
        for (const { resolve } of group) resolve();
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
    }
    this.isBusy = false;
  }

  private takeGroup(): Waiting[] {
    let events = 0;
    let size = 0;
    for (const each of this.waiting) {
      if (size > 0 && events + each.events.length > EVENTS_MAX) break;
      events += each.events.length;
      size++;
    }
    this.waitingEvents -= events;
    return this.waiting.splice(0, size);
  }
}
