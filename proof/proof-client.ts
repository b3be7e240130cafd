import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../src/commands/demo/random.js';
import type { History, Tenant, Verdict } from './history.js';
import type { ProofEvent } from './usage.js';

/** Where a load balancer says which process answered; see examples/haproxy. */
const SERVED_BY = 'x-served-by';
const TIMEOUT_MS = 6_000;
const RETRY_MS = 40;
const RETRY_MS_MAX = 600;

export interface Tally {
  requests: number;
  /** Events in them, copies included. */
  transmitted: number;
  accepted: number;
  duplicate: number;
  conflict: number;
  rejected: number;
  attempts: number;
  /** Requests of whose first attempt nobody knew what became, and that were settled by another. */
  resolved: number;
  /** Events that were answered, by the process that a load balancer says it was. */
  readonly answeredBy: Map<string, number>;
}

/** What clients speak to. */
export interface Doors {
  /** Origins, each as good as the others. */
  readonly doors: readonly string[];
  keyOf(tenant: Tenant): string;
}

export function noTally(): Tally {
  return {
    requests: 0,
    transmitted: 0,
    accepted: 0,
    duplicate: 0,
    conflict: 0,
    rejected: 0,
    attempts: 0,
    resolved: 0,
    answeredBy: new Map(),
  };
}

interface Receipt {
  readonly results?: readonly {
    readonly status: Verdict;
    readonly error?: { readonly code: string };
  }[];
}

interface Answer<Body> {
  /** 0 where there was none. */
  readonly status: number;
  readonly body: Body | undefined;
  readonly why: string;
  readonly servedBy: string | null;
}

/** One tenant's client as there should be one: what it sends, it sends until it has an answer. */
export class ProofClient {
  constructor(
    readonly name: string,
    readonly tenant: Tenant,
    private readonly house: Doors,
    private readonly history: History,
    readonly tally: Tally,
    private readonly random: Random,
    private readonly signal: AbortSignal,
  ) {}

  /** @returns What became of each event. */
  async send(events: readonly ProofEvent[]): Promise<readonly Verdict[]> {
    const { history, tally } = this;
    const request = history.nextRequest();
    history.add({
      op: 'send',
      type: 'invoke',
      process: this.name,
      tenant: this.tenant,
      request,
      events,
    });
    tally.requests++;
    tally.transmitted += events.length;
    let unknown = 0;
    for (let attempts = 1; ; attempts++) {
      this.signal.throwIfAborted();
      tally.attempts++;
      const answer = await this.call<Receipt>('POST', '/v1/usage-events', { events });
      const results = answer.body?.results;
      if (results !== undefined && answer.status < 500) {
        const verdicts = results.map(({ status }) => status);
        const errors = results.flatMap(({ status, error }) =>
          status === 'rejected' ? [error?.code ?? 'rejected'] : [],
        );
        history.add({
          op: 'send',
          type: 'ok',
          request,
          attempts,
          verdicts,
          ...(errors.length > 0 && { errors }),
        });
        for (const verdict of verdicts) tally[verdict]++;
        if (unknown > 0) tally.resolved++;
        this.noteServer(answer.servedBy, events.length);
        return verdicts;
      }
      unknown++;
      history.add({ op: 'send', type: 'info', request, why: answer.why });
      await this.pause(attempts);
    }
  }

  /** Asks or tells until there is an answer; what a command says is no part of the history. */
  async command<Body>(method: string, path: string, body?: unknown): Promise<Body> {
    for (let attempt = 1; ; attempt++) {
      this.signal.throwIfAborted();
      const answer = await this.call<Body>(method, path, body);
      if (answer.status >= 200 && answer.status < 300) return answer.body!;
      const isLater = answer.status === 0 || answer.status === 429 || answer.status >= 500;
      if (!isLater) throw new Error(`${method} ${path}: ${answer.why}`);
      await this.pause(attempt);
    }
  }

  private async call<Body>(method: string, path: string, body?: unknown): Promise<Answer<Body>> {
    const timeout = AbortSignal.timeout(TIMEOUT_MS);
    try {
      const response = await fetch(this.random.pick(this.house.doors) + path, {
        method,
        headers: {
          authorization: `Bearer ${this.house.keyOf(this.tenant)}`,
          'content-type': 'application/json',
        },
        signal: AbortSignal.any([this.signal, timeout]),
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      const parsed = text === '' ? undefined : (JSON.parse(text) as Body);
      const { status, headers } = response;
      return { status, body: parsed, why: `${status} ${text}`, servedBy: headers.get(SERVED_BY) };
    } catch (error) {
      const cause = error instanceof Error ? (error.cause ?? error) : error;
      return { status: 0, body: undefined, why: String(cause), servedBy: null };
    }
  }

  private noteServer(name: string | null, events: number): void {
    const { answeredBy } = this.tally;
    if (name !== null) answeredBy.set(name, (answeredBy.get(name) ?? 0) + events);
  }

  private pause(attempt: number): Promise<void> {
    const ms = Math.min(RETRY_MS * 2 ** Math.min(attempt, 6), RETRY_MS_MAX);
    return sleep(ms * (0.5 + this.random.next()), undefined, { signal: this.signal });
  }
}
