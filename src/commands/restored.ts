import type { Command } from 'commander';
import {
  RestorationService,
  type RestorationReport,
} from '../reconciliation/restore/restoration.service.js';
import { EXIT } from './command-failure.js';
import { command, print, type JsonOption } from './command.js';
import { Interruption } from './interruption.js';
import { Services } from './services.js';

interface Options extends JsonOption {
  readonly dryRun?: true;
  readonly acceptUnread?: true;
}

export function restoredCommand(): Command {
  return command(
    'restored',
    'Run after the database was restored from a backup, or moved: reads back what Stripe has got ' +
      'since then, so that it is not pushed again, and renews the installation id. Until it has ' +
      'ended nothing is pushed. It takes READBACK_STABLE_SECONDS at least, since Stripe may show ' +
      'late what it has got; cut off, run it again. Map again first whatever was mapped after the ' +
      'backup: of customers and meters that are not mapped Stripe cannot be asked.',
    ['restored --dry-run', 'restored'],
  )
    .option('--dry-run', 'tell what would be taken into the books, and change nothing')
    .option('--accept-unread', 'let pushes go on although some places could not be read')
    .action(async (options: Options) => {
      await using services = await Services.open();
      using interruption = new Interruption();
      const report = await services.get(RestorationService).restore({
        dryRun: options.dryRun === true,
        acceptsUnread: options.acceptUnread === true,
        isStopping: () => interruption.isAsked,
      });
      print(options, report, told(report));
      if (report.dry_run || report.finished) return;
      process.exitCode = interruption.isAsked ? EXIT.interrupted : EXIT.failed;
    });
}

function told(report: RestorationReport): string {
  const { found, unread, unexplained } = report;
  const lines = found.map(
    ({ customer_id, meter, how, timestamp, value }) =>
      `${how.padEnd(8)}  ${customer_id}  ${meter}  ${timestamp}  ${value}`,
  );
  for (const { tenant, customer_id, meter, why } of unread) {
    lines.push(`unread    ${[tenant, customer_id, meter].filter(Boolean).join('  ')}: ${why}`);
  }
  for (const { customer_id, meter, hour, value } of unexplained) {
    lines.push(`differs   ${customer_id}  ${meter}  ${hour}  ${value}`);
  }
  return [...lines, ending(report)].join('\n');
}

function ending({ dry_run: dryRun, finished, found, places, unread }: RestorationReport): string {
  const counts = `${places} places read, ${found.length} pushes found that were not known.`;
  if (dryRun) return `${counts} Nothing was changed.`;
  if (finished) return `${counts} Pushes go on.`;
  return unread.length > 0
    ? `${counts} Some places could not be read: nothing is pushed. Run it again, or with --accept-unread.`
    : `${counts} Cut off: nothing is pushed until it has been run to its end.`;
}
