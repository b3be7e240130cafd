import type { Counts } from '../../ingest/receipt.dto.js';
import type { ProblemLog } from './problem-log.js';

/** How an import ended. */
export interface ImportReport {
  readonly file: string;
  readonly tenant: string;
  readonly counts: Readonly<Counts>;
  readonly interrupted: boolean;
  readonly readBytes: number;
  readonly seconds: number;
  readonly metersMade: readonly string[];
  readonly problems: ProblemLog;
  readonly problemsFile: string | undefined;
}

export function hasProblems({ counts }: ImportReport): boolean {
  return counts.rejected + counts.conflict > 0;
}

export function toDocument(report: ImportReport): Record<string, unknown> {
  const { counts, problems } = report;
  return {
    file: report.file,
    tenant: report.tenant,
    done: !report.interrupted,
    events: total(counts),
    ...counts,
    codes: Object.fromEntries(problems.byCode),
    problems: problems.first,
    ...(report.problemsFile === undefined ? {} : { problems_file: report.problemsFile }),
    meters_created: report.metersMade,
    unknown_meters: [...problems.unknownMeters],
    read_bytes: report.readBytes,
    seconds: report.seconds,
  };
}

export function toText(report: ImportReport): string {
  const { counts, problems } = report;
  const events = total(counts);
  const rate = Math.round(events / Math.max(report.seconds, 0.001));
  const lines = [
    ...report.metersMade.map((key) => `Made the meter ${key} (sum).`),
    `${number(events)} events of ${report.file} in ${report.seconds.toFixed(1)} s (${number(rate)} per second):`,
    ...Object.entries(counts).map(([verdict, n]) => `  ${verdict.padEnd(10)} ${number(n)}`),
  ];
  if (hasProblems(report)) lines.push('', ...toldProblems(report));
  if (problems.unknownMeters.size > 0) {
    lines.push(
      '',
      `No meter listens to ${[...problems.unknownMeters].join(', ')}. Make one with PUT /v1/meters/:key,`,
      'or run this again with --create-meters, which makes one that sums for every such key.',
    );
  }
  if (report.interrupted) {
    lines.push(
      '',
      'Stopped before the end. Run the same command again to go on: what is recorded comes back as duplicate.',
    );
  }
  return lines.join('\n');
}

function toldProblems({ problems, problemsFile }: ImportReport): string[] {
  const codes = [...problems.byCode].map(([code, n]) => `  ${code.padEnd(24)} ${number(n)}`);
  if (problemsFile !== undefined) {
    return ['Not recorded, by reason:', ...codes, `Each of them is in ${problemsFile}.`];
  }
  const first = problems.first.map(({ line, usage_event_id, error }) => {
    const id = usage_event_id === undefined ? '' : ` ${usage_event_id}`;
    return `  line ${line}${id}: ${error?.code ?? ''} ${error?.pointer ?? ''} ${error?.detail ?? ''}`;
  });
  return [
    'Not recorded, by reason:',
    ...codes,
    'The first of them (--problems FILE keeps them all):',
    ...first,
  ];
}

function total(counts: Readonly<Counts>): number {
  return counts.accepted + counts.duplicate + counts.conflict + counts.rejected;
}

function number(n: number): string {
  return n.toLocaleString('en-US');
}
