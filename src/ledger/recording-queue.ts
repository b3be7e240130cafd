import { sqlState } from '../database/connections.js';
import { Problem } from '../problem/problem.js';
import type { Candidate } from './candidate.js';
import type { Verdict } from './verdict.js';

/** Events of one transaction. More would hold the gate longer: a close waits for whoever is inside. */
export const EVENTS_PER_TRANSACTION_MAX = 500;

/** Beyond this the client is asked to come back: a queue without bound only hides the overload. */
const WAITING_EVENTS_MAX = 20_000;

/**
 * Fewer wait while another transaction is under way: what each costs beside its events is as much as
 * some thirty of them.
 */
const EVENTS_OF_ANOTHER_LANE = 32;

/** So long, and no longer: what holds a transaction up, a lock say, is nothing to those behind it. */
const WAIT_FOR_OTHERS_MS = 10;

interface Waiting {
  readonly candidates: readonly Candidate[];
  readonly resolve: (verdicts: Verdict[]) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Lets small requests of one tenant share a transaction, so that they share its commit: whoever
 * comes while the lanes are busy goes with the next one, and a second lane is for many, or for those
 * whom the first keeps waiting. Each is answered after its own commit.
 *
 * An event is in one lane at a time. So of copies the one that came first is recorded, and none
 * waits in the database, on a connection, for what became of another.
 */
export class RecordingQueue {
  private waiting: Waiting[] = [];
  private readonly keysInLanes = new Set<string>();
  private waitingEvents = 0;
  private busyLanes = 0;
  private timer: NodeJS.Timeout | undefined;

  /** @param lanes Transactions at a time; while they commit, the next ones fill up. */
  constructor(
    private readonly lanes: number,
    private readonly commit: (chunk: readonly Candidate[]) => Promise<Verdict[]>,
  ) {}

  /**
   * @param candidates At most one transaction's.
   * @throws Problem `overloaded` where too many wait already.
   */
  async add(candidates: readonly Candidate[]): Promise<Verdict[]> {
    if (this.waitingEvents + candidates.length > WAITING_EVENTS_MAX) {
      throw new Problem('overloaded', 'too many events wait to be recorded; send them again soon');
    }
    return new Promise((resolve, reject) => {
      this.waiting.push({ candidates, resolve, reject });
      this.waitingEvents += candidates.length;
      this.fillLanes();
    });
  }

  /** @param hasWaited Whether few events may have a lane of their own. */
  private fillLanes(hasWaited = false): void {
    while (this.busyLanes < this.lanes) {
      const areFew = this.waitingEvents < EVENTS_OF_ANOTHER_LANE;
      if (this.busyLanes > 0 && areFew && !hasWaited) {
        this.waitForOthers();
        return;
      }
      const group = this.takeGroup();
      if (group.length === 0) return;
      const keys = keysOf(group);
      for (const key of keys) this.keysInLanes.add(key);
      this.busyLanes++;
      clearTimeout(this.timer);
      this.timer = undefined;
      void this.record(group).finally(() => {
        for (const key of keys) this.keysInLanes.delete(key);
        this.busyLanes--;
        this.fillLanes();
      });
    }
  }

  private waitForOthers(): void {
    if (this.waitingEvents === 0) return;
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.fillLanes(true);
    }, WAIT_FOR_OTHERS_MS);
  }

  /** The first that fit, but those behind a copy of their own: they stay, in their order. */
  private takeGroup(): Waiting[] {
    const group: Waiting[] = [];
    const left: Waiting[] = [];
    const keysLeft = new Set<string>();
    let events = 0;
    let next = 0;
    for (; next < this.waiting.length; next++) {
      const each = this.waiting[next]!;
      const { candidates } = each;
      if (candidates.some(({ eventKey: key }) => this.keysInLanes.has(key) || keysLeft.has(key))) {
        left.push(each);
        for (const { eventKey } of candidates) keysLeft.add(eventKey);
        continue;
      }
      if (group.length > 0 && events + candidates.length > EVENTS_PER_TRANSACTION_MAX) break;
      events += candidates.length;
      group.push(each);
    }
    this.waiting.splice(0, next, ...left);
    this.waitingEvents -= events;
    return group;
  }

  private async record(group: readonly Waiting[]): Promise<void> {
    try {
      const chunk = group.flatMap(({ candidates }) => candidates);
      const verdicts = await this.commit(
        chunk.map((candidate, index) => ({ ...candidate, index })),
      );
      let next = 0;
      for (const { candidates, resolve } of group) {
        resolve(verdicts.slice(next, (next += candidates.length)));
      }
    } catch (error) {
      // What one of them did must not be the others' failure.
      if (group.length > 1 && isAboutData(error)) {
        for (const each of group) await this.record([each]);
      } else for (const { reject } of group) reject(error);
    }
  }
}

function keysOf(group: readonly Waiting[]): string[] {
  return group.flatMap(({ candidates }) => candidates.map(({ eventKey }) => eventKey));
}

/** Class 22, data exception, and 23, integrity constraint violation: some row is at fault. */
function isAboutData(error: unknown): boolean {
  const state = sqlState(error) ?? '';
  return state.startsWith('22') || state.startsWith('23');
}
