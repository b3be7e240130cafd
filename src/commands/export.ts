import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { SERVICE_ROLE } from '../database/roles.js';
import { Database } from '../database/database.js';
import { parseInstant, type Micros } from '../domain/instant.js';
import { EXIT, wrongUsage } from './command-failure.js';
import { command, print, type JsonOption } from './command.js';
import { exportEvidence, type ExportReport } from './evidence/export-run.js';
import { FileSink, StdoutSink, type Sink } from './evidence/evidence-writer.js';
import type { EvidenceScope } from './evidence/evidence-export.js';
import { Interruption } from './interruption.js';
import { openDatabase, requireMigrated } from './open-database.js';
import { ProgressBar } from './progress-bar.js';
import { commandConfig } from './services.js';
import { tenantOption, type TenantOption } from './tenant-option.js';

interface Options extends JsonOption, TenantOption {
  readonly customer: string;
  readonly meter?: string;
  readonly period?: string;
  readonly from?: string;
  readonly to?: string;
  readonly output?: string;
  readonly properties?: true;
  readonly force?: true;
}

const FORMAT = '{bar} {percentage}% | {value} of {total} entries | {eta_formatted} left';

const { version } = JSON.parse(
  readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'),
) as { version: string };

export function exportCommand(): Command {
  return command(
    'export',
    'Write everything that is known of billing periods of one customer into one file: statements, ' +
      'amendments, each entry behind them, pushes with what Stripe was sent, invoices, ' +
      'reconciliations, Stripe events and audit entries. NDJSON, read in one snapshot. ' +
      '`countonce verify-statement` checks the file without a database.',
    [
      'export --customer acme --period 2026-11-01T00:00:00Z --output acme.ndjson',
      'export --customer acme --meter tokens --from 2026-01-01T00:00:00Z | gzip > acme.ndjson.gz',
    ],
  )
    .requiredOption('--customer <id>', 'the customer, by id or alias')
    .option('--meter <key>', 'only of this meter')
    .option('--period <start>', 'RFC 3339; only the periods that begin then')
    .option('--from <time>', 'RFC 3339; only periods that end after it')
    .option('--to <time>', 'RFC 3339; only periods that begin before it')
    .option('--output <file>', 'where to (default: stdout)')
    .option('--properties', 'with the properties of each event')
    .option('--force', 'replace a file that is there')
    .addOption(tenantOption())
    .action(async (options: Options) => {
      const times = timesOf(options);
      const config = commandConfig(process.env);
      const opened = await openDatabase(config);
      try {
        if (!opened.embedded) await requireMigrated(opened.url);
        const db = new Database(opened.url, 1, SERVICE_ROLE);
        try {
          await runExport(db, options, times);
        } finally {
          await db.end();
        }
      } finally {
        await opened.close();
      }
    });
}

type Times = Pick<EvidenceScope, 'start' | 'from' | 'to'>;

function timesOf({ period, from, to }: Options): Times {
  if (period !== undefined && (from ?? to) !== undefined) {
    throw wrongUsage('--period names one period; it does not go with --from and --to.');
  }
  return {
    start: timeOf(period, '--period'),
    from: timeOf(from, '--from'),
    to: timeOf(to, '--to'),
  };
}

function timeOf(text: string | undefined, option: string): Micros | null {
  if (text === undefined) return null;
  const at = parseInstant(text);
  if (at === undefined) throw wrongUsage(`${option} takes an RFC 3339 time with an offset.`);
  return at;
}

async function runExport(db: Database, options: Options, times: Times): Promise<void> {
  const { tenant, customer, meter, output, properties, force } = options;
  const request = {
    tenant,
    customer,
    meter,
    ...times,
    withProperties: properties === true,
    product: `countonce ${version}`,
  };
  using interruption = new Interruption();
  interruption.onAsked(() => process.stderr.write('countonce: stopping\n'));
  using bar = new ProgressBar(0, FORMAT, {});
  const stdout = output === undefined ? new StdoutSink() : undefined;
  const report = await exportEvidence(db, request, {
    open: async (): Promise<Sink> => stdout ?? (await FileSink.open(output!, force === true)),
    onProgress: (entries, expected) => {
      bar.grow(expected);
      bar.update(entries);
    },
    isStopping: () => interruption.isAsked || stdout?.isUnread === true,
  });
  if (stdout?.isUnread === true) process.exitCode = EXIT.unread;
  else if (report === undefined) {
    process.exitCode = EXIT.interrupted;
    process.stderr.write('countonce: stopped; no file was left behind.\n');
  } else if (output === undefined) {
    // The evidence itself is on stdout.
    const text = options.json === true ? JSON.stringify(report) : told(report);
    process.stderr.write(`${text}\n`);
  } else print(options, { file: output, ...report }, `${told(report)}\nIt is in ${output}.`);
}

function told({ periods, counts, sha256 }: ExportReport): string {
  return (
    `${periods} periods with ${counts.entry} entries, ${counts.push} pushes, ` +
    `${counts.stripe_event} Stripe events and ${counts.audit_entry} audit entries. SHA-256 ${sha256}.`
  );
}
