/**
 * An error of a worker of Citus: the coordinator hands on its SQLSTATE and its words, and neither the
 * name of the constraint nor that of the routine. Names in the words have the shard's number behind
 * them, as `push_in_flight_key_102045`; which words there are depends on the locale.
 */
const HANDED_ON_BY = 'ReportResultError';
const VIOLATIONS = /^23[0-9A-Z]{3}$/;
const CHECK_VIOLATION = '23514';

/** The constraint that refused a row on a worker: the last name in the words. */
export function constraintOfWorker(error: unknown): string | undefined {
  const names = namesInWords(error);
  return names !== undefined && names.length > 1 ? names.at(-1) : onlyUniqueKey(error, names);
}

/** Whether a worker has no part for a row: a check that names its table and no constraint. */
export function lacksPartOnWorker(error: unknown): boolean {
  return namesInWords(error)?.length === 1 && stateOf(error) === CHECK_VIOLATION;
}

/** A unique key is named alone. */
function onlyUniqueKey(error: unknown, names: readonly string[] | undefined): string | undefined {
  return stateOf(error) === CHECK_VIOLATION ? undefined : names?.[0];
}

function namesInWords(error: unknown): string[] | undefined {
  if (!(error instanceof Error && 'routine' in error)) return undefined;
  if (error.routine !== HANDED_ON_BY || !VIOLATIONS.test(stateOf(error) ?? '')) return undefined;
  return [...error.message.matchAll(/"([^"]+)"/g)].map(([, name]) => name!.replace(/_\d+$/, ''));
}

function stateOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}
