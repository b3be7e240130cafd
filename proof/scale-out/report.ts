import { aligned } from '../../bench/rig/report.js';
import type { Check } from '../checks/check.js';
import type { Figures } from '../checks/figures.js';
import type { Tally } from '../proof-client.js';
import { documentsOf, toldCheck } from '../report.js';
import type { ProcessRow } from './process-table.js';

/** All that a run found out. */
export interface ScaleOutResult {
  readonly seed: number;
  readonly loadSeconds: number;
  readonly tally: Tally;
  readonly processes: readonly ProcessRow[];
  /** Events that the others answered while a killed process was away. */
  readonly answeredMeanwhile: number;
  readonly figures: Figures;
  readonly checks: readonly Check[];
  readonly seconds: number;
}

export function toDocument(result: ScaleOutResult, isHeld: boolean): object {
  const { tally, processes, figures, checks } = result;
  return {
    holds: isHeld,
    seed: result.seed,
    load_seconds: result.loadSeconds,
    events_sent: tally.transmitted,
    events_distinct: figures.distinct,
    answered: answered(tally),
    requests: tally.requests,
    retried: tally.attempts - tally.requests,
    killed: killed(processes),
    answered_meanwhile: result.answeredMeanwhile,
    ledger_events: figures.ledgerEvents,
    statements: figures.statements,
    pushes: figures.pushes,
    pushes_retried: figures.pushesRetried,
    processes: processes.map((row) => ({
      name: row.name,
      role: row.role,
      events: row.events,
      stripe_calls: row.stripeCalls,
      killed: row.killed,
      ended_by_itself: row.endedByItself,
    })),
    checks: documentsOf(checks),
    seconds: Math.round(result.seconds),
  };
}

export function toText(result: ScaleOutResult, isHeld: boolean): string {
  const { tally, processes, figures, checks } = result;
  const retried = tally.attempts - tally.requests;
  const header = ['process', 'events answered', 'calls to Stripe', 'killed'];
  const rows = processes.map((row) => [
    row.name,
    String(row.events ?? ''),
    String(row.stripeCalls ?? ''),
    row.killed === 0 ? '' : String(row.killed),
  ]);
  return [
    '',
    ...aligned([header, ...rows], 1),
    '',
    `${tally.transmitted} events sent, copies included, in ${tally.requests} requests over ${result.loadSeconds} s`,
    `${answered(tally)} answered as recorded, ${tally.conflict} as conflicts; ${figures.distinct} distinct ids`,
    `${retried} requests sent again; ${killed(processes)} processes killed, ${result.answeredMeanwhile} events answered meanwhile`,
    `${figures.ledgerEvents} events in the ledger, ${figures.statements} statements, ${figures.pushes} pushes`,
    '',
    ...checks.flatMap(toldCheck),
    '',
    isHeld
      ? `It holds, after ${result.seconds.toFixed(0)} s. Seed ${result.seed}.`
      : `Checks FAILED. Seed ${result.seed}.`,
  ].join('\n');
}

function answered({ accepted, duplicate }: Tally): number {
  return accepted + duplicate;
}

function killed(processes: readonly ProcessRow[]): number {
  return processes.reduce((sum, row) => sum + row.killed, 0);
}
