import { readFile } from 'node:fs/promises';
import type { Simulator, Switches } from '@countonce/stripe-simulator';
import { InvalidArgumentError, type Command } from 'commander';
import { CommandFailure } from './command-failure.js';
import { command, print, type JsonOption } from './command.js';

interface Options extends JsonOption {
  readonly host: string;
  readonly port: number;
  readonly oraclePort: number;
  readonly rateLimits: boolean;
  readonly autoCustomers?: true;
  readonly live?: true;
  readonly switches?: string;
}

export function simulateStripeCommand(): Command {
  return command(
    'simulate-stripe',
    "Run a stand-in for Stripe's billing meters, with faults, a clock and an oracle, until Ctrl-C.\n" +
      'It remembers nothing after it stops.',
    ['simulate-stripe', 'simulate-stripe --port 0 --oracle-port 0 --no-rate-limits --json'],
  )
    .option('--host <address>', 'listen address', '127.0.0.1')
    .option('--port <port>', 'of the Stripe API; 0 takes any free one', portOf, 12_111)
    .option('--oracle-port <port>', 'of /_sim/…; 0 takes any free one', portOf, 12_112)
    .option('--no-rate-limits', "lift Stripe's limits on requests per second")
    .option('--auto-customers', 'every cus_… id exists')
    .option(
      '--switches <file>',
      'behave as the file says: what doctor --stripe saved, or switches in JSON',
    )
    .option('--live', 'show a live key in the example environment, not a test key')
    .action(async (options: Options) => {
      const simulator = await start(options);
      print(options, documentOf(simulator, options), told(simulator, options));
      await new Promise<void>((resolve) => {
        for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
      });
      await simulator.stop();
    });
}

async function start(options: Options): Promise<Simulator> {
  // Only here: no other command needs the package.
  const { startSimulator } = await import('@countonce/stripe-simulator');
  const { host, port, oraclePort, rateLimits, autoCustomers } = options;
  const switches = options.switches === undefined ? {} : await switchesIn(options.switches);
  try {
    return await startSimulator({
      host,
      port,
      oraclePort,
      autoCustomers: autoCustomers ?? false,
      autoDeliver: true,
      ...(rateLimits ? {} : { rateLimits: false }),
      switches,
    });
  } catch (cause) {
    if (cause instanceof RangeError && options.switches !== undefined) {
      const message = `${options.switches} is not what a Stripe can be: ${cause.message}.`;
      throw new CommandFailure(message, 'switches_unreadable', { cause });
    }
    if ((cause as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw cause;
    const message = `A port is taken: ${(cause as Error).message}. Choose others with --port and --oracle-port; 0 takes any.`;
    throw new CommandFailure(message, 'port_in_use', { cause });
  }
}

/** The settings of a file: under `switches`, or the file itself. */
async function switchesIn(file: string): Promise<Partial<Switches>> {
  try {
    const content: unknown = JSON.parse(await readFile(file, 'utf8'));
    const members = content as { switches?: unknown } | null;
    const switches = members?.switches ?? members;
    if (typeof switches === 'object' && switches !== null && !Array.isArray(switches)) {
      return switches;
    }
    throw new Error('it holds no JSON object');
  } catch (cause) {
    const message = `The switches in ${file} cannot be read: ${(cause as Error).message}.`;
    throw new CommandFailure(message, 'switches_unreadable', { cause });
  }
}

function environmentOf(simulator: Simulator, { live }: Options): Record<string, string> {
  return {
    STRIPE_API_BASE: simulator.url,
    STRIPE_SECRET_KEY: live === true ? 'sk_live_simulated' : 'sk_test_simulated',
  };
}

function documentOf(simulator: Simulator, options: Options): Record<string, unknown> {
  return {
    url: simulator.url,
    oracle_url: simulator.oracleUrl,
    pid: process.pid,
    environment: environmentOf(simulator, options),
  };
}

function told(simulator: Simulator, options: Options): string {
  const variables = Object.entries(environmentOf(simulator, options));
  return [
    `Simulated Stripe API  ${simulator.url}`,
    `Oracle                ${simulator.oracleUrl}/_sim/totals`,
    '',
    'To use it:',
    `  ${variables.map(([name, value]) => `${name}=${value}`).join(' ')} npx countonce serve`,
    '',
    'Ctrl-C stops it.',
  ].join('\n');
}

function portOf(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new InvalidArgumentError('a port is a number from 0 to 65535.');
}
