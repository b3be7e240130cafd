import { pino, type DestinationStream, type Logger, stdTimeFunctions } from 'pino';
import type { Config } from './config.js';
import { redacted } from './redaction.js';

/**
 * Makes the logger of the process: one JSON line per message on stdout, without secrets.
 *
 * Every line is read back before it is written, so that no serializer, no error message of a
 * library and no depth of nesting lets a secret through. That costs microseconds a line, and we
 * write a line per incident, not per event.
 *
 * @param destination elsewhere than stdout, in tests.
 */
export function createLogger(
  config: Pick<Config, 'LOG_LEVEL' | 'secrets'>,
  destination?: DestinationStream,
): Logger {
  const options = {
    level: config.LOG_LEVEL,
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    hooks: { streamWrite: (line: string) => redactedLine(line, config.secrets) },
  };
  return destination ? pino(options, destination) : pino(options);
}

function redactedLine(line: string, secrets: readonly string[]): string {
  return `${escaped(JSON.stringify(redacted(JSON.parse(line), secrets)))}\n`;
}

/** JSON escapes what is below U+0020; terminals obey some of these too, and some readers end a line. */
function escaped(json: string): string {
  return json.replaceAll(/[\u007f-\u009f\u2028\u2029]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
