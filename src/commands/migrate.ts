import type { Command } from 'commander';
import { command, print, type JsonOption } from './command.js';
import { migrate, openDatabase } from './open-database.js';
import { commandConfig } from './services.js';

export function migrateCommand(): Command {
  return command(
    'migrate',
    'Bring the schema of the database to this version. Running it again does nothing.',
    ['migrate', 'migrate --json'],
  ).action(async (options: JsonOption) => {
    const database = await openDatabase(commandConfig(process.env));
    try {
      // The embedded database was migrated when it was opened.
      const run = [...database.migrated, ...(await migrate(database.url))];
      print(options, { migrations: run }, told(run));
    } finally {
      await database.close();
    }
  });
}

function told(run: readonly string[]): string {
  if (run.length === 0) return 'Nothing to do: the database is up to date.';
  return [...run.map((name) => `ran ${name}`), `${run.length} migrations run.`].join('\n');
}
