import { setTimeout as sleep } from 'node:timers/promises';

/** Together three seconds: a server that was killed is back by then. */
const TRIES = 4;
const PAUSE_MS = 500;

/** Runs again, with longer pauses, what may have happened although its answer did not come. */
export async function tryAgain<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (tries === TRIES) throw error;
      await sleep(PAUSE_MS * tries);
    }
  }
}
