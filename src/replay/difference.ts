import type { Micros } from '../domain/instant.js';

export const DIFFERENCE_KINDS = [
  /** A total of a quarter hour. */
  'total',
  /** A set of values that unique_count counts. */
  'unique_set',
  /** What a closed period says. */
  'statement',
  /** A frozen amendment of a statement: its entries, or what the period comes to with it. */
  'amendment',
  /** What a period of a `last` meter begins with, against the statement before it. */
  'carried_last',
  /** Billable entries, and no period. */
  'period_missing',
  /** The ledger counts an event whose id is not taken. */
  'entry_without_key',
  /** An id is taken, and the event counts nowhere though its meter listened to it. */
  'key_without_entry',
] as const;
export type DifferenceKind = (typeof DIFFERENCE_KINDS)[number];

/** One place where what is stored is not what the ledger gives. */
export interface Difference {
  readonly kind: DifferenceKind;
  readonly customerNo: number | null;
  readonly meterNo: number | null;
  readonly periodStart: Micros | null;
  /** Which quarter hour, which event: whatever tells it from others of the period. */
  readonly place: Readonly<Record<string, unknown>>;
  /** What the ledger gives; null where it has nothing of it. */
  readonly ledger: Readonly<Record<string, unknown>> | null;
  readonly stored: Readonly<Record<string, unknown>> | null;
  /** Whether it is one that an apply puts right. */
  readonly mendable: boolean;
}

/** Differences, the first of them named. */
export interface Found {
  readonly count: number;
  readonly named: readonly Difference[];
}

export const NOTHING: Found = { count: 0, named: [] };

export function together(parts: readonly Found[]): Found {
  return {
    count: parts.reduce((sum, part) => sum + part.count, 0),
    named: parts.flatMap((part) => part.named),
  };
}

/** The members in which two values differ: all of the one where there is no other. */
export function apart(
  ledger: Readonly<Record<string, unknown>> | null,
  stored: Readonly<Record<string, unknown>> | null,
): Pick<Difference, 'ledger' | 'stored'> {
  if (ledger === null || stored === null) return { ledger, stored };
  const names = Object.keys(ledger).filter((name) => ledger[name] !== stored[name]);
  const only = (value: Readonly<Record<string, unknown>>): Record<string, unknown> =>
    Object.fromEntries(names.map((name) => [name, value[name]]));
  return { ledger: only(ledger), stored: only(stored) };
}
