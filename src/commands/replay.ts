import { Option, type Command } from 'commander';
import { loadConfig } from '../config/config.js';
import { Database } from '../database/database.js';
import type { ReplayAnswer } from '../replay/replay.answer.js';
import { ReplayRunner } from '../replay/replay-runner.js';
import { ReplayService } from '../replay/replay.service.js';
import { CommandFailure, EXIT } from './command-failure.js';
import { command, print, type JsonOption } from './command.js';
import { Interruption } from './interruption.js';
import { openDatabase, requireMigrated } from './open-database.js';
import { ProgressBar } from './progress-bar.js';
import { tenantOption, type TenantOption } from './tenant-option.js';

interface Options extends JsonOption, TenantOption {
  readonly customer?: string;
  readonly from?: string;
  readonly to?: string;
  readonly apply?: true;
  readonly resume?: string;
  readonly revert?: string;
}

const FORMAT =
  '{bar} {percentage}% | {value} of {total} periods | {keys} ids | {found} differences';
const POLL_MS = 250;
const BY_COMMAND = { byCommand: true };

export function replayCommand(): Command {
  return command(
    'replay',
    'Hold totals and statements against the ledger, as POST /v1/replays does, and tell every ' +
      'difference. With --apply the totals are put right as well; a statement is never written again. ' +
      'Nothing is pushed: what pushes is not in this process. Exit code 1 where anything differs.',
    ['replay', 'replay --customer acme --from 2026-11-01T00:00:00Z --apply', 'replay --revert ID'],
  )
    .option('--customer <id>', 'only of this customer')
    .option('--from <time>', 'RFC 3339; only periods that end after it')
    .option('--to <time>', 'RFC 3339; only periods that begin before it')
    .option('--apply', 'put right the totals that differ')
    .addOption(new Option('--resume <id>', 'go on with a replay that was interrupted'))
    .addOption(
      new Option('--revert <id>', 'put back what a replay with --apply replaced').conflicts([
        'apply',
        'resume',
        'customer',
        'from',
        'to',
      ]),
    )
    .addOption(tenantOption())
    .action(async (options: Options) => {
      // Without the module that the other commands have: it brings along what speaks to Stripe.
      const opened = await openDatabase(loadConfig({ ...process.env, ROLE: 'api' }));
      try {
        if (!opened.embedded) await requireMigrated(opened.url);
        const db = new Database(opened.url, 2);
        try {
          await replay(db, options);
        } finally {
          await db.end();
        }
      } finally {
        await opened.close();
      }
    });
}

async function replay(db: Database, options: Options): Promise<void> {
  using interruption = new Interruption();
  const tenantId = await tenantOf(db, options.tenant);
  const replays = new ReplayService(db);
  const id = await begun(replays, tenantId, options);
  const runner = new ReplayRunner(db);
  {
    using bar = await barOf(replays, tenantId, id);
    const poll = setInterval(() => void show(bar, replays, tenantId, id), POLL_MS);
    try {
      await runner.run(tenantId, id, () => interruption.isAsked);
    } finally {
      clearInterval(poll);
    }
  }
  const answer = await replays.get(tenantId, id);
  print(options, answer, told(answer));
  if (answer.status === 'running') process.exitCode = EXIT.interrupted;
  else if (answer.difference_count > 0) process.exitCode = EXIT.failed;
}

function begun(replays: ReplayService, tenantId: string, options: Options): Promise<string> {
  const { customer, from, to, resume, revert } = options;
  if (resume !== undefined) return Promise.resolve(resume);
  if (revert !== undefined) return replays.beginReversal(tenantId, revert, BY_COMMAND);
  const request = {
    mode: options.apply === true ? 'apply' : 'verify',
    ...(customer === undefined ? {} : { customer_id: customer }),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
  } as const;
  return replays.begin(tenantId, request, BY_COMMAND);
}

async function tenantOf(db: Database, name: string): Promise<string> {
  const [tenant] = await db.work.query<{ tenantId: string }>(
    'SELECT tenant_id AS "tenantId" FROM tenant WHERE name = $1',
    [name],
  );
  if (tenant !== undefined) return tenant.tenantId;
  throw new CommandFailure(`No tenant is called ${name}.`, 'tenant_not_found');
}

async function barOf(replays: ReplayService, tenantId: string, id: string): Promise<ProgressBar> {
  const { progress, checked, difference_count: found } = await replays.get(tenantId, id);
  const bar = new ProgressBar(progress.periods, FORMAT, { keys: checked.registry_keys, found });
  bar.update(progress.done);
  return bar;
}

async function show(
  bar: ProgressBar,
  replays: ReplayService,
  tenantId: string,
  id: string,
): Promise<void> {
  try {
    const { progress, checked, difference_count: found } = await replays.get(tenantId, id);
    bar.grow(progress.periods);
    bar.update(progress.done, { keys: checked.registry_keys, found });
  } catch {
    // The bar may stand still; whatever is wrong ends the replay itself.
  }
}

function told(answer: ReplayAnswer): string {
  const { id, mode, checked, changes, difference_count: count, differences } = answer;
  const lines = differences.map((each) =>
    [
      each.kind,
      each.customer_id ?? '-',
      each.meter ?? '-',
      each.period_start ?? '-',
      JSON.stringify(each.place),
      `ledger ${JSON.stringify(each.ledger)}`,
      `stored ${JSON.stringify(each.stored)}`,
      ...(each.mended ? ['mended'] : []),
    ].join('  '),
  );
  if (count > differences.length) lines.push(`and ${count - differences.length} more`);
  if (answer.status === 'running') {
    lines.push(`Stopped, or at work elsewhere. Go on with \`countonce replay --resume ${id}\`.`);
  }
  if (mode === 'apply' && changes > 0) {
    lines.push(`Take it back with \`countonce replay --revert ${id}\`.`);
  }
  lines.push(
    mode === 'revert'
      ? `${changes} totals were put back.`
      : `${checked.periods} periods, ${checked.statements} statements, ${checked.totals} totals, ` +
          `${checked.entries} entries and ${checked.registry_keys} ids checked: ${count} differences` +
          (mode === 'apply' ? `, ${changes} totals rewritten.` : '.'),
  );
  return lines.join('\n');
}
