import { Option, type Command } from 'commander';
import { SCOPES } from '../access/scope.js';
import { Database } from '../database/database.js';
import { ndjsonEvents, type RecordingContext } from '../ingest/ingest-line.js';
import { IngestService } from '../ingest/ingest.service.js';
import { MeterService } from '../meters/meter.service.js';
import { EXIT } from './command-failure.js';
import { command, print, type JsonOption } from './command.js';
import { csvEvents } from './import/csv-events.js';
import { EventFile, formatOf, type FileFormat } from './import/event-file.js';
import { hasProblems, toDocument, toText, type ImportReport } from './import/import-report.js';
import { ImportRun } from './import/import-run.js';
import { NewMeters } from './import/new-meters.js';
import { ProblemLog } from './import/problem-log.js';
import { Interruption } from './interruption.js';
import { ProgressBar } from './progress-bar.js';
import { Services } from './services.js';
import { tenantOption, type TenantOption } from './tenant-option.js';

interface Options extends JsonOption, TenantOption {
  readonly format?: FileFormat;
  readonly historical?: true;
  readonly createMeters?: true;
  readonly problems?: string;
}

const FORMAT =
  '{bar} {percentage}% | {mebibytes} MiB read | {events} events | {eta_formatted} left';
const BYTES_PER_MEBIBYTE = 1024 * 1024;

export function importCommand(): Command {
  return command(
    'import <file>',
    'Record the usage events of a file: NDJSON or CSV, plain or gzipped, of any size; - is stdin. ' +
      'It can be stopped and run again: what is recorded comes back as duplicate. Ends with the count ' +
      'of each verdict, and with exit code 1 if any event was rejected or conflicts.\n\n' +
      'The first row of a CSV names the fields: usage_event_id, customer_id, meter, and optionally ' +
      'source, quantity, occurred_at and properties.<name>.',
    [
      'import usage.ndjson.gz',
      'import 2025.csv --historical --create-meters --problems bad.ndjson',
    ],
  )
    .addOption(new Option('--format <format>', 'else by the name').choices(['ndjson', 'csv']))
    .option('--historical', 'record and show, but never bill')
    .option('--create-meters', 'make a meter that sums for each key that no meter listens to')
    .option('--problems <file>', 'write what was rejected or conflicts there, as NDJSON')
    .addOption(tenantOption())
    .action(async (path: string, options: Options) => {
      const file = await EventFile.open(path);
      const report = await runImport(path, file, options);
      print(options, toDocument(report), toText(report));
      if (report.interrupted) process.exitCode = EXIT.interrupted;
      else if (hasProblems(report)) process.exitCode = EXIT.failed;
    });
}

async function runImport(path: string, file: EventFile, options: Options): Promise<ImportReport> {
  using problems = new ProblemLog(options.problems);
  await using services = await Services.open();
  const tenant = await services.tenant(options.tenant);
  const context: RecordingContext = {
    caller: { tenantId: tenant.tenantId, scopes: SCOPES },
    historical: options.historical ?? false,
  };
  const newMeters = new NewMeters(
    services.get(Database),
    services.get(MeterService),
    tenant.tenantId,
  );
  using interruption = new Interruption();
  interruption.onAsked(() => file.stop());
  const startedAt = Date.now();
  using bar = new ProgressBar(file.sizeBytes ?? 0, FORMAT, { mebibytes: '0', events: 0 });
  const run = new ImportRun(services.get(IngestService), context, {
    beforeChunk: (chunk) =>
      options.createMeters === true ? newMeters.makeFor(chunk) : Promise.resolve(),
    onProblem: (problem, line) => problems.add(problem, line),
    onProgress: () => bar.update(file.readBytes, progressOf(file, run)),
    isStopping: () => interruption.isAsked,
  });
  const events = (options.format ?? formatOf(path)) === 'csv' ? csvEvents : ndjsonEvents;
  await run.run(events(file.content(), context));
  return {
    file: path,
    tenant: tenant.name,
    counts: run.counts,
    interrupted: interruption.isAsked,
    readBytes: file.readBytes,
    seconds: (Date.now() - startedAt) / 1_000,
    metersMade: newMeters.made,
    problems,
    problemsFile: options.problems,
  };
}

function progressOf(file: EventFile, { counts }: ImportRun): Record<string, string | number> {
  const { accepted, duplicate, conflict, rejected } = counts;
  return {
    mebibytes: (file.readBytes / BYTES_PER_MEBIBYTE).toFixed(1),
    events: accepted + duplicate + conflict + rejected,
  };
}
