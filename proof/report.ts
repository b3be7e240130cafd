import { CRASHES, DISTURBANCES, type CrashKind } from './crash-plan.js';
import type { Check } from './checks/check.js';
import type { ProofOptions } from './options.js';
import type { Tally } from './proof-client.js';

/** All that a run found out. */
export interface ProofResult {
  readonly options: ProofOptions;
  readonly tally: Tally;
  readonly crashes: ReadonlyMap<CrashKind, number>;
  readonly checks: readonly Check[];
  readonly seconds: number;
}

export function toDocument({ options, tally, crashes, checks, seconds }: ProofResult): object {
  return {
    holds: checks.every(({ findings }) => findings.length === 0),
    seed: options.seed,
    variant: options.variant ?? null,
    crashes: totalOf(crashes),
    injected: Object.fromEntries(crashes),
    ...tally,
    checks: checks.map((check) => ({ ...check, ok: check.findings.length === 0 })),
    seconds,
  };
}

export function toText({ options, tally, crashes, checks, seconds }: ProofResult): string {
  const row = (count: number, what: string): string => `${String(count).padStart(9)}  ${what}`;
  const failed = checks.filter(({ findings }) => findings.length > 0).length;
  return [
    '',
    row(totalOf(crashes), 'crashes'),
    ...[...CRASHES, ...DISTURBANCES].map((kind) => row(crashes.get(kind) ?? 0, `  ${kind}`)),
    ...Object.entries(tally).map(([what, count]) => row(count, what)),
    '',
    ...checks.flatMap(({ name, findings, held }) => [
      `  ${findings.length === 0 ? 'ok    ' : 'FAILED'}  ${name} (${held})`,
      ...findings.map((finding) => `            ${finding}`),
    ]),
    '',
    failed === 0
      ? `It holds, after ${seconds.toFixed(0)} s, seed ${options.seed}.`
      : `${failed} of ${checks.length} checks FAILED, seed ${options.seed}.`,
  ].join('\n');
}

function totalOf(crashes: ReadonlyMap<CrashKind, number>): number {
  return CRASHES.reduce((sum, kind) => sum + (crashes.get(kind) ?? 0), 0);
}
