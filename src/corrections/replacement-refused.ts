import type { Verdict } from '../ledger/verdict.js';
import { PROBLEMS, type ProblemCode } from '../problem/codes.js';
import { Problem, type FieldError } from '../problem/problem.js';

/** Why nothing was voided: what was to take the event's place cannot be recorded. */
export function replacementRefused(
  verdict: Extract<Verdict, { status: 'conflict' | 'rejected' }>,
): Problem {
  if (verdict.status === 'conflict') {
    const detail = 'the id of the replacement is taken by an event with other content';
    return new Problem('usage_event_conflict', detail, {
      extensions: { fields: verdict.fields },
    });
  }
  const errors = verdict.faults.map(({ code, pointer, detail }): FieldError => ({
    // Faults carry codes of usage events, each of which is listed.
    code: code as ProblemCode,
    pointer: `/replacement${pointer}`,
    detail,
  }));
  const [first] = errors;
  const isOfRequests = first !== undefined && PROBLEMS[first.code].status === 422;
  return new Problem(
    isOfRequests ? first.code : 'usage_event_rejected',
    first?.detail ?? 'the replacement cannot be recorded',
    { errors },
  );
}
