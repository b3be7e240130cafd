import type { Command } from 'commander';
import { Connections } from '../database/connections.js';
import { command, print, type JsonOption } from './command.js';
import { distributionState, requireCitus } from './distribute/distribution-state.js';
import { distributionSteps, type DistributionStep } from './distribute/distribution-steps.js';
import { distributeTables, STATEMENT_MAX_MS } from './distribute/distribute-tables.js';
import { KEYS_IN_PLACE } from './distribute/placement.js';
import { openDatabase, requireMigrated } from './open-database.js';
import { commandConfig } from './services.js';

interface Options extends JsonOption {
  readonly dryRun?: true;
}

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
      const connections = new Connections(database.url, 'distribute', 1, undefined, {
        statementTimeoutMs: STATEMENT_MAX_MS,
      });
      try {
        if (!database.embedded) await requireMigrated(database.url);
        await requireCitus(connections);
        const steps =
          options.dryRun === true
            ? distributionSteps(await distributionState(connections))
            : await distributeTables(connections);
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
