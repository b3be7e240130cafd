import { userInfo } from 'node:os';
import type { Command } from 'commander';
import { rolesSqlFor } from '../database/roles.js';
import { canAct } from '../database/start-check.js';
import { command, print, type JsonOption } from './command.js';
import { migrate, openDatabase } from './open-database.js';
import { commandConfig } from './services.js';

const NO_ROLES =
  'The user of DATABASE_URL can make no roles, so tenants are kept apart by one wall and not by two. ' +
  'Let a superuser run this, and migrate again:';

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
      const rolesSql = (await canAct(database.url)) ? null : rolesSqlFor(userOf(database.url));
      const missing = rolesSql === null ? {} : { roles_sql: rolesSql };
      print(options, { migrations: run, ...missing }, told(run, rolesSql));
    } finally {
      await database.close();
    }
  });
}

function userOf(url: string): string {
  return decodeURIComponent(new URL(url).username) || userInfo().username;
}

function told(run: readonly string[], rolesSql: string | null): string {
  const lines =
    run.length === 0
      ? ['Nothing to do: the database is up to date.']
      : [...run.map((name) => `ran ${name}`), `${run.length} migrations run.`];
  return rolesSql === null ? lines.join('\n') : [...lines, '', NO_ROLES, '', rolesSql].join('\n');
}
