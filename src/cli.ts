import { readFileSync } from 'node:fs';
import { CommanderError } from 'commander';
import { redacted } from './config/redaction.js';
import { EXIT, CommandFailure } from './commands/command-failure.js';
import { closeCommand } from './commands/close.js';
import { group } from './commands/command.js';
import { demoCommand } from './commands/demo.js';
import { doctorCommand } from './commands/doctor.js';
import { importCommand } from './commands/import.js';
import { keysCommand } from './commands/keys.js';
import { migrateCommand } from './commands/migrate.js';
import { serveCommand } from './commands/serve.js';
import { simulateStripeCommand } from './commands/simulate-stripe.js';
import { tenantsCommand } from './commands/tenants.js';
import { Problem } from './problem/problem.js';

const { version } = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
) as { version: string };

const program = group('countonce', 'Usage metering that can be billed on.').version(version);
for (const made of [
  serveCommand(),
  migrateCommand(),
  importCommand(),
  closeCommand(),
  keysCommand(),
  tenantsCommand(),
  doctorCommand(),
  demoCommand(),
  simulateStripeCommand(),
]) {
  program.addCommand(made);
}

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = tell(error);
}

/** Says what went wrong in one line on stderr, and to a program also in JSON on stdout. */
function tell(error: unknown): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return EXIT.ok;
    // Help that was printed for want of a command says it all.
    if (error.code === 'commander.help') return EXIT.wrongUsage;
    const text = error.message.replace(/^error: /, '');
    say('wrong_usage', `${text.replace(/\.$/, '')}. See --help.`);
    return EXIT.wrongUsage;
  }
  say(codeOf(error), String(redacted(messageOf(error), [])));
  return error instanceof CommandFailure ? error.exitCode : EXIT.failed;
}

function say(code: string | undefined, message: string): void {
  process.stderr.write(`countonce: ${message}\n`);
  if (!process.argv.includes('--json')) return;
  process.stdout.write(`${JSON.stringify({ error: { code, message } })}\n`);
}

function codeOf(error: unknown): string | undefined {
  if (error instanceof CommandFailure || error instanceof Problem) return error.code;
  return error instanceof Error && error.name === 'InvalidConfiguration'
    ? 'invalid_configuration'
    : undefined;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
