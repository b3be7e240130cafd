import { CRASHES, DISTURBANCES, type CrashKind } from './crash-plan.js';
import type { Check } from './checks/check.js';
import type { Figures } from './checks/figures.js';
import type { ProofOptions } from './options.js';
import type { Tally } from './proof-client.js';

/** All that a run found out. */
export interface ProofResult {
  readonly options: ProofOptions;
  readonly tally: Tally;
  readonly crashes: ReadonlyMap<CrashKind, number>;
  readonly figures: Figures;
  readonly checks: readonly Check[];
  readonly seconds: number;
}

export function holds({ checks }: Pick<ProofResult, 'checks'>): boolean {
  return checks.every(({ findings }) => findings.length === 0);
}

export function toDocument(result: ProofResult): object {
  const { options, tally, crashes, figures, checks, seconds } = result;
  return {
    holds: holds(result),
    seed: options.seed,
    variant: options.variant ?? null,
    crashes: totalOf(crashes),
    injected: Object.fromEntries(
      [...CRASHES, ...DISTURBANCES].map((kind) => [kind, crashes.get(kind) ?? 0]),
    ),
    requests: tally.requests,
    attempts: tally.attempts,
    unknown_resolved: tally.resolved,
    events_sent: tally.transmitted,
    events_distinct: figures.distinct,
    accepted: tally.accepted,
    duplicates: tally.duplicate,
    conflicts: tally.conflict,
    rejected: tally.rejected,
    ledger_events: figures.ledgerEvents,
    ledger_entries: figures.entries,
    late_entries: figures.late,
    totals: figures.totals,
    closes: figures.closes,
    statements: figures.statements,
    pushes: figures.pushes,
    pushes_retried: figures.pushesRetried,
    stripe_faults: figures.stripeFaults,
    checks: documentsOf(checks),
    seconds: Math.round(seconds),
  };
}

export function toText(result: ProofResult): string {
  const { options, tally, crashes, figures, checks, seconds } = result;
  const failed = checks.filter(({ findings }) => findings.length > 0).length;
  const answered = tally.accepted + tally.duplicate;
  return [
    '',
    row(totalOf(crashes), 'crashes injected'),
    ...CRASHES.map((kind) => row(crashes.get(kind) ?? 0, `  ${kind}`)),
    ...DISTURBANCES.map((kind) => row(crashes.get(kind) ?? 0, kind)),
    row(figures.stripeFaults, 'faults of Stripe'),
    '',
    row(tally.transmitted, `events sent in ${tally.requests} requests, copies included`),
    row(tally.attempts - tally.requests, 'times again, since nobody knew or nobody was there'),
    row(tally.resolved, 'requests of unknown outcome, all resolved by sending them again'),
    row(answered, `acknowledged: ${tally.accepted} accepted, ${tally.duplicate} duplicates`),
    row(tally.conflict, 'conflicts told'),
    row(figures.distinct, 'distinct ids'),
    row(figures.ledgerEvents, `events in the ledger, ${figures.entries} entries`),
    row(figures.totals, 'totals'),
    row(figures.statements, `statements, by ${figures.closes} closes and the own clock`),
    row(figures.late, 'entries late'),
    row(figures.pushes, `pushes to Stripe, ${figures.pushesRetried} of them sent again`),
    '',
    ...checks.flatMap(toldCheck),
    '',
    failed === 0
      ? `It holds, after ${seconds.toFixed(0)} s. Seed ${options.seed}.`
      : `${failed} of ${checks.length} checks FAILED. Seed ${options.seed}.`,
  ].join('\n');
}

/** As `--json` gives them. */
export function documentsOf(checks: readonly Check[]): object[] {
  return checks.map(({ name, findings, held }) => ({
    name,
    ok: findings.length === 0,
    held,
    findings,
  }));
}

export function toldCheck({ name, findings, held }: Check): string[] {
  const state = findings.length === 0 ? 'ok    ' : 'FAILED';
  return [`  ${state}  ${name} (${held})`, ...findings.map((finding) => `            ${finding}`)];
}

function row(count: number, what: string): string {
  return `${String(count).padStart(9)}  ${what}`;
}

function totalOf(crashes: ReadonlyMap<CrashKind, number>): number {
  return CRASHES.reduce((sum, kind) => sum + (crashes.get(kind) ?? 0), 0);
}
