import type { LoggerService } from '@nestjs/common';
import { redacted } from '../config/redaction.js';

/** Nest's warnings and errors as lines on stderr, where they do not mix with what is printed. */
export class StderrLogger implements LoggerService {
  constructor(private readonly secrets: readonly string[]) {}

  log(): void {}

  warn(message: unknown): void {
    this.write('warning', message);
  }

  error(message: unknown): void {
    this.write('error', message);
  }

  fatal(message: unknown): void {
    this.write('error', message);
  }

  private write(level: string, message: unknown): void {
    const text = message instanceof Error ? message.message : String(message);
    process.stderr.write(`countonce: ${level}: ${String(redacted(text, this.secrets))}\n`);
  }
}
