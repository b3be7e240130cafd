import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { Connections } from '../database/connections.js';
import { parseInstant, type Micros } from '../domain/instant.js';
import type { Obstacle } from '../retention/obstacles.query.js';
import {
  FileWanted,
  Retention,
  RetentionRunning,
  type MonthOutcome,
} from '../retention/retention.js';
import { CommandFailure, EXIT, wrongUsage } from './command-failure.js';
import { command, print, type JsonOption } from './command.js';
import { Interruption } from './interruption.js';
import { openDatabase, requireMigrated } from './open-database.js';
import { commandConfig } from './services.js';

interface Options extends JsonOption {
  readonly olderThan: string;
  readonly to?: string;
  readonly dryRun?: true;
}

const STEPS = {
  check: 'looking whether it may leave',
  seal: 'sealing it',
  checkpoint: 'writing what it comes to',
  detach: 'taking it out of the ledger, once nobody reads it any more',
  file: 'writing its file',
  drop: 'dropping it',
} as const;

export function retainCommand(): Command {
  return command(
    'retain',
    'Let old months of usage events and ledger entries go, of all tenants, once all that they are ' +
      'billed in is closed and settled. What they came to stays, and their ids stay taken. As the owner ' +
      'of the tables, like migrate. Exit code 1 where a month must stay.',
    [
      'retain --older-than 13months --dry-run',
      'retain --older-than 13months --to /var/lib/countonce/months',
      'retain --older-than 2026-01',
    ],
  )
    .requiredOption(
      '--older-than <age>',
      'months that ended so long ago (13months, 2years, 400days), or that come before a month (2026-01)',
    )
    .option('--to <directory>', 'write each month into a file there first; without it, it is gone')
    .option('--dry-run', 'tell what may leave, and what keeps the rest')
    .action(async (options: Options) => {
      const directory = await directoryOf(options.to);
      const opened = await openDatabase(commandConfig(process.env));
      try {
        if (!opened.embedded) await requireMigrated(opened.url);
        await retain(opened.url, options, directory);
      } finally {
        await opened.close();
      }
    });
}

async function retain(url: string, options: Options, directory: string | undefined): Promise<void> {
  using interruption = new Interruption();
  const endedBy = await endedByOf(url, options.olderThan);
  const retention = await opened(url);
  interruption.onAsked(() => {
    process.stderr.write('countonce: stopping\n');
    void retention.cancel().catch(() => undefined);
  });
  try {
    const months =
      options.dryRun === true
        ? await retention.rehearse(endedBy)
        : await retention.run(endedBy, directory, {
            onStep: (month, step) => process.stderr.write(`${month}: ${STEPS[step]}\n`),
            isStopping: () => interruption.isAsked,
          });
    print(options, { dry_run: options.dryRun === true, months }, told(months));
    if (interruption.isAsked) process.exitCode = EXIT.interrupted;
    else if (months.some(({ status }) => status === 'stays')) process.exitCode = EXIT.failed;
  } catch (error) {
    if (!(error instanceof FileWanted)) throw error;
    throw new CommandFailure(
      'A month that was begun with --to is not written yet. Name the directory again.',
      'file_wanted',
    );
  } finally {
    await retention.end();
  }
}

async function opened(url: string): Promise<Retention> {
  try {
    return await Retention.open(url);
  } catch (error) {
    if (!(error instanceof RetentionRunning)) throw error;
    throw new CommandFailure('Another process is retaining already.', 'retention_running');
  }
}

async function directoryOf(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  const directory = resolve(path);
  try {
    await access(directory, constants.W_OK | constants.X_OK);
    return directory;
  } catch (cause) {
    const why = `The directory ${directory} cannot be written to.`;
    throw new CommandFailure(why, 'file_not_writable', { cause });
  }
}

/** By when months have ended that are older. */
async function endedByOf(url: string, age: string): Promise<Micros> {
  const month = /^\d{4}-(?:0[1-9]|1[0-2])$/.test(age)
    ? parseInstant(`${age}-01T00:00:00Z`)
    : undefined;
  if (month !== undefined) return month;
  const [, count, unit] = /^(\d{1,4}) ?(day|month|year)s?$/.exec(age) ?? [];
  if (count === undefined) {
    throw wrongUsage('--older-than takes an age such as 13months, or a month such as 2026-01.');
  }
  const connections = new Connections(url, 'retention', 1);
  try {
    const [row] = await connections.query<{ at: Micros }>(
      'SELECT clock_timestamp() - $1::interval AS at',
      [`${count} ${unit}`],
    );
    return row!.at;
  } finally {
    await connections.end();
  }
}

function told(months: readonly MonthOutcome[]): string {
  if (months.length === 0) return 'No month is that old.';
  return months.map((each) => [headOf(each), ...each.obstacles.map(why)].join('\n')).join('\n');
}

function headOf({ month, status, events, entries, file, sha256 }: MonthOutcome): string {
  const rows = `${events} events and ${entries} entries`;
  switch (status) {
    case 'stays':
      return `${month}  stays`;
    case 'may_leave':
      return `${month}  may leave`;
    case 'leaving':
      return `${month}  has begun to leave. Run the command again.`;
    default:
      return file === null
        ? `${month}  left: ${rows}`
        : `${month}  left: ${rows}, in ${file}, SHA-256 ${sha256}`;
  }
}

function why({ reason, count, example }: Obstacle): string {
  const { customer_id: customer, meter, period_start: start } = example ?? {};
  const such = example === null ? '' : `, such as ${customer} ${meter} ${start}`;
  return `         ${WORDS[reason](count)}${such}`;
}

const WORDS: Readonly<Record<Obstacle['reason'], (count: number) => string>> = {
  earlier_month_stays: () => 'a month before it stays',
  too_recent: () => 'it ended less than 35 days ago',
  open_period: (n) => `${n} periods that it bills to are not closed`,
  closed_lately: (n) => `${n} periods were closed or amended less than 35 days ago`,
  unwritten_amendment: (n) => `${n} periods have an amendment that is not written yet`,
  push_to_plan: (n) => `${n} periods wait for their pushes to be planned`,
  unsettled_push: (n) => `${n} periods have pushes that are not settled`,
  push_to_read: (n) => `${n} periods have pushes that are to be read at Stripe`,
  held_push: (n) => `${n} periods have usage that cannot be pushed as things stand`,
  late_void: (n) =>
    `${n} periods of a maximum, last or unique count had usage voided after their close`,
  erasure_running: (n) => `${n} erasures are under way`,
  bulk_void_running: (n) => `${n} voids of many events are under way`,
  replay_running: (n) => `${n} replays are under way`,
};
