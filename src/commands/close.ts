import type { Command } from 'commander';
import { PeriodCloseService } from '../periods/period-close.service.js';
import type { PeriodCloseAnswer } from '../periods/period-close.dto.js';
import { EXIT } from './command-failure.js';
import { command, print, type JsonOption } from './command.js';
import { Interruption } from './interruption.js';
import { ProgressBar } from './progress-bar.js';
import { Services } from './services.js';
import { tenantOption, type TenantOption } from './tenant-option.js';

interface Options extends JsonOption, TenantOption {
  readonly asOf?: string;
  readonly customer?: string;
  readonly meter?: string;
  readonly dryRun?: true;
}

const FORMAT = '{bar} {percentage}% | {value} of {total} periods | {eta_formatted} left';
const POLL_MS = 250;

export function closeCommand(): Command {
  return command(
    'close',
    'Close every billing period that ended, as POST /v1/period-closes does, and wait until all ' +
      'statements are written. Closing again closes nothing twice. The pushes to Stripe are left to ' +
      'a running server.',
    ['close', 'close --as-of 2026-12-01T00:00:00Z --customer cus_42 --dry-run'],
  )
    .option('--as-of <time>', 'RFC 3339, not later than now, which is the default')
    .option('--customer <id>', 'only of this customer')
    .option('--meter <key>', 'only of this meter')
    .option('--dry-run', 'tell what would be closed, and close nothing')
    .addOption(tenantOption())
    .action(async (options: Options) => {
      await using services = await Services.open();
      const { tenantId } = await services.tenant(options.tenant);
      const closes = services.get(PeriodCloseService);
      const answer =
        options.dryRun === true
          ? await closes.rehearse(tenantId, requestOf(options))
          : await closeAll(closes, tenantId, options);
      print(options, answer, told(answer));
      if (answer.status === 'running') process.exitCode = EXIT.interrupted;
    });
}

async function closeAll(
  closes: PeriodCloseService,
  tenantId: string,
  options: Options,
): Promise<PeriodCloseAnswer> {
  using interruption = new Interruption();
  const isStopping = (): boolean => interruption.isAsked;
  // What an earlier close promised comes first, so that its periods keep its instant.
  await closes.resume(tenantId, isStopping);
  const begun = await closes.begin(tenantId, requestOf(options));
  using bar = new ProgressBar(begun.due, FORMAT, {});
  const poll = setInterval(() => {
    void closes.get(tenantId, begun.id).then(
      ({ progress }) => bar.update(progress.closed),
      () => undefined,
    );
  }, POLL_MS);
  try {
    await closes.finish(tenantId, begun, isStopping);
  } finally {
    clearInterval(poll);
  }
  return closes.get(tenantId, begun.id);
}

function requestOf({ asOf, customer, meter }: Options) {
  return {
    ...(asOf === undefined ? {} : { as_of: asOf }),
    ...(customer === undefined ? {} : { customer_id: customer }),
    ...(meter === undefined ? {} : { meter }),
  };
}

function told(answer: PeriodCloseAnswer): string {
  const { status, as_of: asOf, closed, already_closed: before, pushes, progress } = answer;
  if (status === 'dry_run') {
    return `${closed} periods that ended by ${asOf} would be closed; ${before} are closed already.`;
  }
  if (status === 'running') {
    return (
      `Stopped after ${progress.closed} of ${progress.due} statements. The close stands: a running ` +
      'server writes the rest, and so does `countonce close`.'
    );
  }
  return (
    `Closed ${closed} periods that ended by ${asOf}; ${before} were closed already. ` +
    `${pushes} of them are handed to the push stage.`
  );
}
