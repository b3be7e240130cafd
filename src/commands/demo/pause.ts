import { setTimeout as sleep } from 'node:timers/promises';
import { CommandFailure } from '../command-failure.js';

const POLL_MS = 100;

/**
 * Asks again and again until there is an answer.
 *
 * @param what for the message where there is none in time.
 */
export async function waitFor<T>(
  what: string,
  timeoutMs: number,
  signal: AbortSignal,
  ask: () => Promise<T | undefined> | T | undefined,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  while (Date.now() < deadline) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    await sleep(POLL_MS, undefined, { signal });
  }
  throw new CommandFailure(`${what} took longer than ${timeoutMs / 1_000} s.`, 'demo_timeout');
}
