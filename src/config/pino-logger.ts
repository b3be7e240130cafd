import type { LoggerService } from '@nestjs/common';
import type { Logger } from 'pino';

type Level = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace';

/**
 * Nest's own messages as lines of our logger:
 * `NestFactory.create(AppModule, { logger: new PinoLogger(logger) })`.
 *
 * Nest passes `(message, ...objects, context)`, and to `error` `(message, stack?, context)`.
 */
export class PinoLogger implements LoggerService {
  constructor(private readonly logger: Logger) {}

  log(message: unknown, ...rest: unknown[]): void {
    this.write('info', message, rest);
  }

  error(message: unknown, ...rest: unknown[]): void {
    this.write('error', message, rest);
  }

  warn(message: unknown, ...rest: unknown[]): void {
    this.write('warn', message, rest);
  }

  debug(message: unknown, ...rest: unknown[]): void {
    this.write('debug', message, rest);
  }

  verbose(message: unknown, ...rest: unknown[]): void {
    this.write('trace', message, rest);
  }

  fatal(message: unknown, ...rest: unknown[]): void {
    this.write('fatal', message, rest);
  }

  private write(level: Level, message: unknown, rest: readonly unknown[]): void {
    const fields: Record<string, unknown> = {};
    const texts: string[] = [];
    for (const part of [message, ...rest]) {
      if (part instanceof Error) fields['err'] = part;
      else if (typeof part === 'object' && part !== null) Object.assign(fields, part);
      // oxlint-disable-next-line no-base-to-string -- objects are taken above
      else if (part !== undefined) texts.push(String(part));
    }
    const said = typeof message === 'object' ? [] : texts.splice(0, 1);
    const stack = texts.findIndex((text) => /\n\s+at /.test(text));
    if (stack >= 0) fields['stack'] = texts.splice(stack, 1)[0];
    const context = texts.pop();
    if (context !== undefined) fields['context'] = context;
    // Through %s, so that a % of the message is not taken for a placeholder.
    this.logger[level](fields, '%s', [...said, ...texts].join(' ') || errorMessage(fields['err']));
  }
}

function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : '';
}
