import { readFileSync } from 'node:fs';
import { CommanderError, type Command } from 'commander';
import { actAs, commandLineActor } from './access/audit/actor.js';
import { redacted } from './config/redaction.js';
import { EXIT, CommandFailure } from './commands/command-failure.js';
import { group } from './commands/command.js';
import { Problem } from './problem/problem.js';

/** Loaded when they are needed: most of them bring everything along, and that takes a second. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  serve: async () => (await import('./commands/serve.js')).serveCommand(),
  migrate: async () => (await import('./commands/migrate.js')).migrateCommand(),
  distribute: async () => (await import('./commands/distribute.js')).distributeCommand(),
  import: async () => (await import('./commands/import.js')).importCommand(),
  export: async () => (await import('./commands/export.js')).exportCommand(),
  'verify-statement': async () =>
    (await import('./commands/verify-statement.js')).verifyStatementCommand(),
  audit: async () => (await import('./commands/audit.js')).auditCommand(),
  close: async () => (await import('./commands/close.js')).closeCommand(),
  reconcile: async () => (await import('./commands/reconcile.js')).reconcileCommand(),
  replay: async () => (await import('./commands/replay.js')).replayCommand(),
  retain: async () => (await import('./commands/retain.js')).retainCommand(),
  restored: async () => (await import('./commands/restored.js')).restoredCommand(),
  keys: async () => (await import('./commands/keys.js')).keysCommand(),
  tenants: async () => (await import('./commands/tenants.js')).tenantsCommand(),
  doctor: async () => (await import('./commands/doctor.js')).doctorCommand(),
  demo: async () => (await import('./commands/demo.js')).demoCommand(),
  'simulate-stripe': async () =>
    (await import('./commands/simulate-stripe.js')).simulateStripeCommand(),
};

const { version } = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
) as { version: string };

const program = group('countonce', 'Usage metering that can be billed on.').version(version);
const [name = ''] = process.argv.slice(2);
const named = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
for (const load of named === undefined ? Object.values(COMMANDS) : [named]) {
  program.addCommand(await load());
}

try {
  // What a server does of itself is nobody's command.
  if (name === 'serve') await program.parseAsync();
  else await actAs(commandLineActor(), () => program.parseAsync());
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
