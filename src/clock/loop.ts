import { Logger } from '@nestjs/common';

/** What a turn of a loop did: with more to do it is run again at once. */
export type Turn = 'more' | 'idle';

/**
 * Runs `turn` again and again until it is stopped, at its own pace: without pause while there is
 * more to do, and every `idleMs` while there is not. An error is logged and never ends the loop.
 */
export class Loop {
  private readonly logger: Logger;
  private stopping = false;
  private running: Promise<void> | undefined;
  private wake: () => void = () => undefined;

  constructor(
    private readonly name: string,
    private readonly idleMs: number,
    private readonly turn: (isStopping: () => boolean) => Promise<Turn>,
  ) {
    this.logger = new Logger(name);
  }

  start(): void {
    this.running ??= this.run();
  }

  /** Resolves when the turn at work has ended. */
  async stop(): Promise<void> {
    this.stopping = true;
    this.wake();
    await this.running;
  }

  private async run(): Promise<void> {
    let failures = 0;
    while (!this.stopping) {
      try {
        const did = await this.turn(() => this.stopping);
        failures = 0;
        if (did === 'more') continue;
      } catch (error) {
        failures++;
        this.logger.error(error, `${this.name} failed; it goes on`);
      }
      await this.pause(this.idleMs * Math.min(2 ** failures, 16));
    }
  }

  private pause(ms: number): Promise<void> {
    if (this.stopping) return Promise.resolve();
    return new Promise((resume) => {
      const timer = setTimeout(resume, ms);
      this.wake = () => {
        clearTimeout(timer);
        resume();
      };
    });
  }
}
