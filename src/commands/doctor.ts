import { InvalidArgumentError, type Command } from 'commander';
import { loadConfig, type Config } from '../config/config.js';
import { Connections } from '../database/connections.js';
import { EXIT } from './command-failure.js';
import { command, print } from './command.js';
import type { Check } from './doctor/check.js';
import { fail, ok } from './doctor/check.js';
import {
  checkAppendOnly,
  checkClock,
  checkMigrated,
  checkMonths,
  checkPushes,
  checkRights,
  checkServer,
} from './doctor/database-checks.js';
import { checkConfiguration, checkDataDir, checkNode } from './doctor/process-checks.js';
import { checkStripe } from './doctor/stripe-checks.js';
import { surveyStripe, type SurveyCommandOptions } from './doctor/stripe-survey.js';
import { driverMessage, openDatabase, type OpenDatabase } from './open-database.js';
import { Services } from './services.js';
import { tenantOption, type TenantOption } from './tenant-option.js';

/** Beside the two pools of DATABASE_POOL_SIZE: four more for work, one for health, two of TypeORM. */
const FURTHER_CONNECTIONS = 7;

export function doctorCommand(): Command {
  return command(
    'doctor',
    'Look at everything Countonce needs: Node.js, the configuration, the database and its ' +
      'settings, Stripe and its meters. Says what to do about what is wrong. Exit code 1 if ' +
      'anything fails. An embedded database is started, and migrated, for it.',
    ['doctor', 'doctor --json', 'doctor --stripe', 'doctor --stripe --dry-run'],
  )
    .addOption(tenantOption())
    .option(
      '--stripe',
      'measure instead, on the sandbox of STRIPE_SECRET_KEY, what Stripe leaves undocumented',
    )
    .option('--save <file>', 'where the findings go (default: DATA_DIR/stripe-switches.json)')
    .option('--wait <seconds>', 'how long summaries are waited for', secondsOf, 180)
    .option('--dry-run', 'with --stripe: only tell what it would do')
    .action(async (options: TenantOption & SurveyCommandOptions & { stripe?: true }) => {
      if (options.stripe === true) return surveyStripe(options);
      const checks = await examine(process.env, options.tenant);
      const passed = checks.every(({ status }) => status !== 'fail');
      print(options, { ok: passed, checks }, toText(checks));
      if (!passed) process.exitCode = EXIT.failed;
    });
}

async function examine(env: NodeJS.ProcessEnv, tenant: string): Promise<Check[]> {
  const { checks: configured, config } = checkConfiguration(env);
  const checks = [checkNode(), ...configured];
  if (config === undefined) return checks;
  if (config.DATABASE_URL === undefined) {
    checks.push(...(await checkDataDir(config.DATA_DIR)));
    if (checks.some(({ status }) => status === 'fail')) return checks;
  }
  const database = await openDatabase(config).catch((error: unknown) => driverMessage(error));
  if (typeof database === 'string') {
    return [...checks, fail('database', database, 'See the message.')];
  }
  try {
    checks.push(...(await examineDatabase(database, config)));
    if (checks.every(({ status, name }) => status !== 'fail' || !NEEDED.has(name))) {
      checks.push(...(await examineStripe(env, tenant)));
    }
    return checks;
  } finally {
    await database.close();
  }
}

/** Without these there are no meters to look at. */
const NEEDED: ReadonlySet<string> = new Set([
  'database',
  'PostgreSQL',
  'writable',
  'migrated',
  'rights',
]);

async function examineDatabase(
  { url, embedded }: OpenDatabase,
  config: Readonly<Config>,
): Promise<Check[]> {
  const db = new Connections(url, 'doctor', 1);
  try {
    const needed = 2 * config.DATABASE_POOL_SIZE + FURTHER_CONNECTIONS;
    const server = await checkServer(db, needed);
    const { host, pathname } = new URL(url);
    const where = embedded ? `embedded, ${host}` : `${host}${pathname}`;
    const checks = [ok('database', where), ...server, await checkClock(db)];
    const migrated = await checkMigrated(db);
    checks.push(migrated);
    if (migrated.status === 'ok') {
      checks.push(await checkRights(url), await checkAppendOnly(db));
      checks.push(await checkMonths(db), await checkPushes(db));
    }
    return checks;
  } catch (error) {
    const advice = 'Look at DATABASE_URL and whether PostgreSQL runs there.';
    return [fail('database', driverMessage(error), advice)];
  } finally {
    await db.end();
  }
}

async function examineStripe(env: NodeJS.ProcessEnv, tenant: string): Promise<Check[]> {
  await using services = await Services.open(env);
  const { tenantId } = await services.tenant(tenant);
  const checks = await checkStripe(services, loadConfig(env), tenantId);
  return checks;
}

function toText(checks: readonly Check[]): string {
  const width = Math.max(...checks.map(({ name }) => name.length));
  const lines = checks.flatMap(({ name, status, detail, advice }) => [
    `${status.padEnd(4)}  ${name.padEnd(width)}  ${detail}`,
    ...(advice === undefined ? [] : [`${' '.repeat(width + 8)}-> ${advice}`]),
  ]);
  const of = (status: string): number => checks.filter((check) => check.status === status).length;
  return [...lines, '', `${of('ok')} ok, ${of('warn')} to look at, ${of('fail')} failed`].join(
    '\n',
  );
}

function secondsOf(text: string): number {
  if (/^\d{1,4}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('seconds are a whole number up to 9999.');
}
