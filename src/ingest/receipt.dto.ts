import { formatInstant } from '../domain/instant.js';
import { PROBLEMS, type ProblemCode } from '../problem/codes.js';
import type { Verdict } from '../ledger/verdict.js';

/** What was sent, as far as it can be named, and where its errors point. */
export interface Sent {
  /** The id as it was sent, if it is a text at all. */
  readonly usageEventId: string | undefined;
  /** Prefix of the pointers of its errors: `/events/3`, or nothing for one event alone. */
  readonly pointer: string;
}

export interface ResultError {
  readonly code: string;
  readonly pointer?: string;
  readonly detail: string;
  readonly fields?: readonly string[] | null;
}

/** One line of an answer. */
export interface Result {
  readonly index: number;
  readonly usage_event_id?: string;
  readonly status: Verdict['status'];
  readonly first_received_at?: string;
  readonly late?: true;
  readonly billed_period_start?: string;
  readonly error?: ResultError;
  /** Where more than one thing is wrong: all of them, the first included. */
  readonly errors?: readonly ResultError[];
}

export interface Counts {
  accepted: number;
  duplicate: number;
  conflict: number;
  rejected: number;
}

export interface Receipt extends Counts {
  readonly results: readonly Result[];
}

export function noCounts(): Counts {
  return { accepted: 0, duplicate: 0, conflict: 0, rejected: 0 };
}

export function toReceipt(results: readonly Result[]): Receipt {
  const counts = noCounts();
  for (const { status } of results) counts[status]++;
  return { ...counts, results };
}

/** Accepted and duplicate are what a client expects; this leaves them out. */
export function isProblematic({ status }: Result): boolean {
  return status === 'conflict' || status === 'rejected';
}

export function toResult(index: number, sent: Sent, verdict: Verdict): Result {
  const head = {
    index,
    ...(sent.usageEventId === undefined ? {} : { usage_event_id: sent.usageEventId }),
    status: verdict.status,
  };
  switch (verdict.status) {
    case 'accepted':
      return verdict.late === undefined
        ? head
        : {
            ...head,
            late: true,
            billed_period_start: formatInstant(verdict.late.billedPeriodStart),
          };
    case 'duplicate':
      return { ...head, first_received_at: formatInstant(verdict.firstReceivedAt) };
    case 'conflict': {
      const detail =
        verdict.fields === null
          ? 'the id is taken by an event with other content, whose details are gone'
          : `the id is taken by an event that differs in ${verdict.fields.join(', ')}`;
      return {
        ...head,
        first_received_at: formatInstant(verdict.firstReceivedAt),
        error: { code: 'usage_event_conflict', detail, fields: verdict.fields },
      };
    }
    case 'rejected': {
      const errors = verdict.faults.map(({ code, pointer, detail }) => ({
        code,
        pointer: sent.pointer + pointer,
        detail: detail === '' ? remedyOf(code) : detail,
      }));
      return { ...head, error: errors[0]!, ...(errors.length > 1 ? { errors } : {}) };
    }
  }
}

function remedyOf(code: string): string {
  return code in PROBLEMS ? PROBLEMS[code as ProblemCode].remedy : code;
}
