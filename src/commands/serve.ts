import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Command } from 'commander';
import { PinoLogger } from '../config/pino-logger.js';
import { createLogger } from '../config/logger.js';
import { loadConfig, type Config } from '../config/config.js';
import { TestClockService } from '../access/test-clock.service.js';
import { TenantService } from '../access/tenant.service.js';
import { createApp } from '../app.js';
import { Database } from '../database/database.js';
import { settingsThatLose } from '../database/start-check.js';
import { Draining } from '../health/draining.js';
import { command } from './command.js';
import { hasSchema, openDatabase } from './open-database.js';
import { waitForSchema } from './waiting-room.js';

/** What is in flight gets this long; then the process ends anyway. */
const SHUTDOWN_MS = 9_000;
const SIGNALS = ['SIGTERM', 'SIGINT'] as const;

export function serveCommand(): Command {
  return command(
    'serve',
    'Run the HTTP API and the workers, as ROLE says, until SIGTERM or Ctrl-C. Settings come from ' +
      'the environment; without DATABASE_URL an embedded PostgreSQL keeps its files in DATA_DIR. ' +
      'Logs are JSON lines in any case.',
    ['serve', 'serve --json | jq .msg'],
  ).action(() => serve(process.env));
}

/** Runs API and workers, as ROLE says, until SIGTERM or SIGINT. */
export async function serve(env: NodeJS.ProcessEnv): Promise<void> {
  const config = loadConfig(env);
  const logger = createLogger(config);
  const endStart = (signal: NodeJS.Signals): void => {
    // A start may be ended as by a kill: nothing of ours is in flight yet.
    logger.info({ signal }, 'stopped before it was ready');
    process.exit(0);
  };
  for (const signal of SIGNALS) process.on(signal, endStart);
  const database = await openDatabase(config);
  if (!database.embedded && !(await hasSchema(database.url))) {
    await waitForSchema(database.url, config, logger);
  }
  const app = await createApp({ databaseUrl: database.url, config }, new PinoLogger(logger));

  let stopping = false;
  const stop = async (signal: NodeJS.Signals): Promise<void> => {
    if (stopping) return;
    stopping = true;
    logger.info({ signal }, 'shutting down');
    app.get(Draining).begin();
    const deadline = setTimeout(() => {
      logger.warn('what was in flight took too long and is cut');
      void database.close().finally(() => process.exit(0));
      setTimeout(() => process.exit(0), 500).unref();
    }, SHUTDOWN_MS);
    try {
      await app.close();
      await database.close();
      logger.info('stopped');
    } catch (error) {
      logger.error({ err: error }, 'shutting down failed');
    } finally {
      clearTimeout(deadline);
      process.exit(0);
    }
  };
  for (const signal of SIGNALS) {
    process.on(signal, (given) => void stop(given)).off(signal, endStart);
  }

  if (app.get(Database).role === undefined) {
    logger.warn('works as the owner of the tables; `countonce migrate` says how to give it roles');
  }
  try {
    await warnOfLoss(app, config, logger);
    await announceKey(app, config);
    if (await app.get(TestClockService).endInLiveMode()) {
      logger.warn('the Stripe key is a live one: the test clock of the tenant default was ended');
    }
    await app.listen(config.PORT, config.HOST);
  } catch (error) {
    // The workers have begun already; a process that cannot be reached must not go on as one.
    await app.close();
    await database.close();
    throw error;
  }
  logger.info({ url: await app.getUrl(), role: config.ROLE }, 'ready');
}

/** A throw-away server may run so, as those of tests do; one that bills may not. */
async function warnOfLoss(
  app: NestFastifyApplication,
  { STRIPE_SECRET_KEY: key = '' }: Readonly<Config>,
  logger: Readonly<Record<'warn' | 'error', (message: string) => void>>,
): Promise<void> {
  const off = await settingsThatLose(app.get(Database).health);
  if (off.length === 0) return;
  const level = /^[sr]k_live_/.test(key) ? 'error' : 'warn';
  logger[level](
    `PostgreSQL runs with ${off.join(' and ')} off: a crash of its machine loses what was answered`,
  );
}

async function announceKey(app: NestFastifyApplication, config: Readonly<Config>): Promise<void> {
  const key = await app.get(TenantService).ensureDefaultTenant(config);
  if (key === undefined) return;
  // Past the logger, which would take it out.
  process.stdout.write(
    `${JSON.stringify({ level: 'warn', time: new Date().toISOString(), msg: 'Admin API key of the tenant default. It is shown this once.', api_key: key })}\n`,
  );
}
