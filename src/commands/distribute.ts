import type { Command } from 'commander';
import { Connections, sqlState } from '../database/connections.js';
import { CommandFailure } from './command-failure.js';
import { command, print, type JsonOption } from './command.js';
import { distributionState, requireCitus } from './distribute/distribution-state.js';
import { distributionSteps, type DistributionStep } from './distribute/distribution-steps.js';
import { KEYS_IN_PLACE } from './distribute/placement.js';
import { driverMessage, openDatabase, requireMigrated } from './open-database.js';
import { ProgressBar } from './progress-bar.js';
import { commandConfig } from './services.js';

interface Options extends JsonOption {
  readonly dryRun?: true;
}

/** As long as the largest table may take to be copied to the workers. */
const STATEMENT_MAX_MS = 7 * 86_400_000;
const FORMAT = '{bar} {percentage}% | {what}';
const LOCK = 'SELECT pg_try_advisory_lock(7126350911848278) AS held';

export function distributeCommand(): Command {
  return command(
    'distribute',
    'Spread the tables over the nodes of Citus, by tenant. On an empty database or a filled one, as the ' +
      'owner of the tables, while no other process of Countonce runs. Running it again goes on where it was ' +
      'interrupted; where all is done it does nothing.',
    ['distribute --dry-run', 'distribute'],
  )
    .option('--dry-run', 'tell what would be done, and do nothing')
    .action(async (options: Options) => {
      const database = await openDatabase(commandConfig(process.env));
      const connections = new Connections(
        database.url,
        'distribute',
        1,
        undefined,
        STATEMENT_MAX_MS,
      );
      try {
        if (!database.embedded) await requireMigrated(database.url);
        await requireCitus(connections);
        const steps =
          options.dryRun === true
            ? distributionSteps(await distributionState(connections))
            : await distribute(connections);
        const document = {
          dry_run: options.dryRun === true,
          steps: steps.map(({ what, statements }) => ({ what, statements })),
        };
        print(options, document, told(steps, options.dryRun === true));
      } finally {
        await connections.end();
        await database.close();
      }
    });
}

/** @returns What was done. */
async function distribute(connections: Connections): Promise<DistributionStep[]> {
  const [lock] = await connections.query<{ held: boolean }>(LOCK);
  if (lock?.held !== true) {
    throw new CommandFailure('Another `countonce distribute` is at work.', 'already_running');
  }
  const done: DistributionStep[] = [];
  using bar = new ProgressBar(1, FORMAT, { what: '' });
  // What was taken off is known once it is off, and what stayed behind once it was copied.
  for (;;) {
    const steps = distributionSteps(await distributionState(connections)).filter(
      ({ what }) => !done.some((step) => step.what === what),
    );
    if (steps.length === 0) return done;
    bar.grow(done.length + steps.length);
    for (const step of steps) {
      bar.update(done.length, { what: step.what });
      await run(connections, step);
      done.push(step);
    }
  }
}

async function run(connections: Connections, step: DistributionStep): Promise<void> {
  try {
    await connections.transaction(async (tx) => {
      for (const sql of step.statements) await tx.query(sql);
    });
  } catch (cause) {
    throw new CommandFailure(
      `Could not ${step.what} (${sqlState(cause) ?? 'no code'}: ${driverMessage(cause)}). What was done ` +
        'before it stays. Put right what it says and run this again; start no server before it has ended well.',
      'distribution_failed',
      { cause },
    );
  }
}

function told(steps: readonly DistributionStep[], isDry: boolean): string {
  if (steps.length === 0) return 'Nothing to do: the tables are distributed.';
  const lines = steps.map(({ what }) => what);
  const lost = KEYS_IN_PLACE.filter(({ name }) => lines.includes(`replace the key ${name}`));
  return [
    ...lines,
    ...(lost.length === 0 ? [] : ['', 'Not kept by the database any more:']),
    ...lost.map((key) => `- ${key.lost}`),
    '',
    `${steps.length} steps ${isDry ? 'to do. Nothing was done' : 'done'}.`,
  ].join('\n');
}
