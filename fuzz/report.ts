import { mebibytes } from './checks/memory.js';
import type { Found } from './findings.js';
import { holds, type FuzzResult } from './tally.js';

export function toDocument(result: FuzzResult): object {
  const { seed, asked, tally, told, memory, checks, findings, seconds } = result;
  return {
    holds: holds(result),
    seed,
    requests: tally.requests,
    requests_asked: asked,
    raw: tally.raw,
    raw_answers: tally.rawAnswers,
    cut: tally.cut,
    statuses: Object.fromEntries(sorted(tally.byStatus)),
    codes: Object.fromEntries(sorted(tally.byCode)),
    overload: Object.fromEntries(tally.overload),
    verdicts: told,
    verdicts_checked: tally.verdictsChecked,
    ledger_events: tally.ledgerRows,
    read_back: result.readBack,
    replayed_answers: result.replayed,
    bodies_validated: result.validated,
    memory: {
      start_bytes: memory.startBytes,
      warm_bytes: memory.warmBytes,
      peak_bytes: memory.peakBytes,
      last_bytes: memory.lastBytes,
      end_bytes: memory.endBytes,
      samples: memory.samples,
    },
    checks: checks.map((check) => ({ ...check, ok: check.findings.length === 0 })),
    findings: findings.all().map(({ examples, count }) => ({ count, examples })),
    seconds: Math.round(seconds),
  };
}

export function toText(result: FuzzResult): string {
  const { seed, tally, told, memory, checks, findings, seconds } = result;
  return [
    '',
    row(tally.requests, `requests, ${tally.raw} of them bytes that need not be HTTP`),
    ...sorted(tally.byStatus).map(([status, count]) => row(count, `  ${status}`)),
    ...[...tally.overload].map(([code, count]) => row(count, `  asked to come again: ${code}`)),
    row(tally.cut, 'without an answer'),
    '',
    ...Object.entries(told).map(([verdict, count]) => row(count, `events ${verdict}`)),
    row(tally.verdictsChecked, 'verdicts held against the ledger'),
    row(tally.ledgerRows, 'events in the ledger held against what was sent'),
    row(result.readBack, 'things read back as they were answered'),
    row(result.replayed, 'commands answered as the first time'),
    row(result.validated, 'bodies held against the OpenAPI document'),
    '',
    `  memory: ${mebibytes(memory.startBytes)} at the start, ${mebibytes(memory.warmBytes)} warm, ` +
      `${mebibytes(memory.peakBytes)} at most, ${mebibytes(memory.lastBytes)} in the last tenth`,
    '',
    ...checks.flatMap(({ name, held, findings: wrong }) => [
      `  ${wrong.length === 0 ? 'ok    ' : 'FAILED'}  ${name} (${held})`,
      ...wrong.map((finding) => `            ${finding}`),
    ]),
    ...findings.all().flatMap(({ examples, count }) => toldFinding(examples[0]!, count)),
    '',
    holds(result)
      ? `It holds, after ${seconds.toFixed(0)} s. Seed ${seed}.`
      : `It does NOT hold: ${findings.size} kinds of findings. Seed ${seed}.`,
  ].join('\n');
}

function toldFinding(found: Found, count: number): string[] {
  const { check, where, detail, request, reproduction, shrunk } = found;
  return [
    '',
    `  FOUND ${count} times: ${check}`,
    `    ${where}${request === undefined ? '' : `, request ${request}`}`,
    `    ${detail}`,
    ...(reproduction === undefined ? [] : [`    ${reproduction}`]),
    ...(shrunk === undefined ? [] : [`    shrunk: ${shrunk}`]),
  ];
}

function sorted<K extends string | number>(counts: ReadonlyMap<K, number>): [K, number][] {
  return [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
}

function row(count: number, what: string): string {
  return `${String(count).padStart(9)}  ${what}`;
}
