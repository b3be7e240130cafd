import { EXIT } from './command-failure.js';

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/**
 * Ctrl-C: the first asks a command to stop after what is in flight, the second ends it at once.
 */
export class Interruption implements Disposable {
  private asked = false;
  private readonly heard: (() => void)[] = [];
  private readonly ask = (): void => {
    if (this.asked) process.exit(EXIT.interrupted);
    this.asked = true;
    for (const hear of this.heard) hear();
  };

  constructor() {
    for (const signal of SIGNALS) process.on(signal, this.ask);
  }

  get isAsked(): boolean {
    return this.asked;
  }

  onAsked(hear: () => void): void {
    this.heard.push(hear);
  }

  [Symbol.dispose](): void {
    for (const signal of SIGNALS) process.off(signal, this.ask);
  }
}
