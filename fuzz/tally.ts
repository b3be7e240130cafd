import type { Status } from './checks/receipts.js';
import type { MemoryFigures } from './checks/memory.js';
import type { EndCheck } from './checks/check-end.js';
import type { Findings } from './findings.js';

/** What a run counted. */
export interface Tally {
  requests: number;
  raw: number;
  rawAnswers: number;
  cut: number;
  readonly byStatus: Map<number, number>;
  /** Refusals for overload, by code. */
  readonly overload: Map<string, number>;
  readonly byCode: Map<string, number>;
  verdictsChecked: number;
  ledgerRows: number;
}

export function noTally(): Tally {
  return {
    requests: 0,
    raw: 0,
    rawAnswers: 0,
    cut: 0,
    byStatus: new Map(),
    overload: new Map(),
    byCode: new Map(),
    verdictsChecked: 0,
    ledgerRows: 0,
  };
}

export function increment<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

export interface FuzzResult {
  readonly seed: number;
  readonly asked: number;
  readonly tally: Tally;
  readonly told: Readonly<Record<Status | 'unknown', number>>;
  readonly readBack: number;
  readonly replayed: number;
  readonly validated: number;
  readonly memory: MemoryFigures;
  readonly checks: readonly EndCheck[];
  readonly findings: Findings;
  readonly seconds: number;
}

export function holds({ findings, checks }: Pick<FuzzResult, 'findings' | 'checks'>): boolean {
  return findings.size === 0 && checks.every((check) => check.findings.length === 0);
}
