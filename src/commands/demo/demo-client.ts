import { setTimeout as sleep } from 'node:timers/promises';
import { CommandFailure } from '../command-failure.js';

const RETRY_MS = 150;
/** Longer than a killed server needs to be back, recovery of its database included. */
const GIVE_UP_MS = 90_000;
const DROPPED_AFTER_MS_MAX = 12;

export interface DemoAnswer<Body> {
  readonly status: number;
  readonly body: Body;
}

/**
 * A client as there should be one: it makes its ids itself, and sends the same again until it has
 * an answer. Now and then it loses an answer on purpose.
 */
export class DemoClient {
  /** Requests that got no answer, or one that says: later. */
  retries = 0;
  /** Answers that the client threw away. */
  dropped = 0;

  constructor(
    private readonly url: string,
    private readonly apiKey: string,
    private readonly signal: AbortSignal,
  ) {}

  get<Body>(path: string): Promise<Body> {
    return this.command<Body>('GET', path);
  }

  /** @throws CommandFailure for anything but a success. */
  async command<Body>(method: string, path: string, body?: unknown): Promise<Body> {
    const answer = await this.send<Body>(method, path, body);
    if (answer.status < 300) return answer.body;
    const text = JSON.stringify(answer.body);
    throw new CommandFailure(`${method} ${path}: ${answer.status} ${text}`, 'demo_refused');
  }

  /** @param dropAfterMs Hangs up the first time after so long, whether it was answered or not. */
  async send<Body>(
    method: string,
    path: string,
    body?: unknown,
    dropAfterMs?: number,
  ): Promise<DemoAnswer<Body>> {
    const deadline = Date.now() + GIVE_UP_MS;
    for (let attempt = 1; Date.now() < deadline; attempt++) {
      this.signal.throwIfAborted();
      const dropped = attempt === 1 ? dropAfterMs : undefined;
      const answer = await this.once<Body>(method, path, body, dropped).catch(() => undefined);
      if (answer !== undefined && !isLater(answer.status)) return answer;
      if (dropped !== undefined) this.dropped++;
      else this.retries++;
      if (dropped === undefined) await sleep(RETRY_MS, undefined, { signal: this.signal });
    }
    throw new CommandFailure(
      `${method} ${path}: no answer for ${GIVE_UP_MS / 1_000} s.`,
      'demo_timeout',
    );
  }

  private async once<Body>(
    method: string,
    path: string,
    body: unknown,
    dropAfterMs: number | undefined,
  ): Promise<DemoAnswer<Body>> {
    const signals = [
      this.signal,
      ...(dropAfterMs === undefined ? [] : [AbortSignal.timeout(dropAfterMs)]),
    ];
    const response = await fetch(this.url + path, {
      method,
      headers: { authorization: `Bearer ${this.apiKey}`, 'content-type': 'application/json' },
      signal: AbortSignal.any(signals),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as Body };
  }
}

/** How long a client that hangs up waits: long enough that some of the requests have arrived. */
export function dropDelayMs(random: number): number {
  return 1 + Math.floor(random * DROPPED_AFTER_MS_MAX);
}

function isLater(status: number): boolean {
  return status === 429 || status >= 500;
}
