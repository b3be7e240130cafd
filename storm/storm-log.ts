import { Logger, type LoggerService } from '@nestjs/common';

/** What a process that lost its connections, or its Stripe, says on the way. */
const EXPECTED =
  /Connection terminated|connection error and is not queryable|Stripe did not|^Stripe |the lease ran out|was closed/i;

/** Takes what our services log while a history runs: errors that nothing explains are findings. */
export class StormLog implements LoggerService, Disposable {
  private readonly found = new Set<string>();

  constructor(private readonly note: (line: string) => void) {
    Logger.overrideLogger(this);
  }

  get findings(): string[] {
    return [...this.found];
  }

  log(): void {}

  warn(message: unknown): void {
    this.note(`warn: ${textOf(message)}`);
  }

  error(message: unknown): void {
    const text = textOf(message);
    this.note(`error: ${text}`);
    if (message instanceof Error && !EXPECTED.test(text)) this.found.add(`logged: ${text}`);
  }

  [Symbol.dispose](): void {
    Logger.overrideLogger(['fatal', 'error', 'warn', 'log']);
  }
}

function textOf(message: unknown): string {
  return message instanceof Error ? message.message : String(message);
}
