import { setTimeout as sleep } from 'node:timers/promises';
import type { Connections } from '../database/connections.js';
import { tryAgain } from '../database/try-again.js';
import { settlePushes, type Answered } from './push-settle.store.js';

/** How long the first of a group waits for others. */
const GATHER_MS = 10;
const GROUP_MAX = 500;

interface Waiting extends Answered {
  readonly resolve: (isWritten: boolean) => void;
  readonly reject: (error: unknown) => void;
}

/** Writes down what came of pushes, of many at once. */
export class PushSettler {
  private readonly waiting: Waiting[] = [];
  private isWriting = false;

  constructor(
    private readonly db: Connections,
    private readonly tenantId: string,
  ) {}

  /** @returns Whether the push was still this process's to settle. */
  write(answered: Answered): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ ...answered, resolve, reject });
      if (!this.isWriting) void this.writeAll();
    });
  }

  private async writeAll(): Promise<void> {
    this.isWriting = true;
    while (this.waiting.length > 0) {
      await sleep(GATHER_MS);
      const group = this.waiting.splice(0, GROUP_MAX);
      try {
        // Answers are dear: one that is lost has to be asked of Stripe again, as unknown.
        const written = await tryAgain(() => settlePushes(this.db, this.tenantId, group));
        for (const { push, resolve } of group) resolve(written.has(push.identifier));
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
    }
    this.isWriting = false;
  }
}
