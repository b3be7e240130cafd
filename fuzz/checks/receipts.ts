import type { Answer } from '../send/http-door.js';
import { parseObject } from './check-problem.js';

export type Status = 'accepted' | 'duplicate' | 'conflict' | 'rejected';

export interface Result {
  readonly index: number;
  readonly usage_event_id?: string;
  readonly status: Status;
  readonly error?: { readonly code?: unknown; readonly fields?: readonly string[] | null };
  readonly errors?: unknown;
}

/** What an answer says became of the events of a request. */
export interface Receipt {
  readonly results: readonly Result[];
  readonly counts: Readonly<Record<Status, number>>;
  /** The last line of a stream was there; else the rest is unknown. */
  readonly isWhole: boolean;
}

const STATUSES: readonly Status[] = ['accepted', 'duplicate', 'conflict', 'rejected'];

/** @returns undefined where it says nothing of events: it is a refusal as a whole. */
export function readReceipt({ headers, text }: Answer): Receipt | undefined {
  if (headers['content-type']?.startsWith('application/x-ndjson') === true) return fromLines(text);
  const body = parseObject(text);
  if (body === undefined || !Array.isArray(body['results'])) return undefined;
  return {
    results: body['results'] as Result[],
    counts: countsOf(body),
    isWhole: true,
  };
}

function fromLines(text: string): Receipt {
  const lines = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => parseObject(line) ?? {});
  const last = lines.find((line) => line['done'] === true);
  const results = lines.filter((line) => 'status' in line) as unknown as Result[];
  return { results, counts: countsOf(last ?? {}), isWhole: last !== undefined };
}

function countsOf(body: Readonly<Record<string, unknown>>): Record<Status, number> {
  return Object.fromEntries(
    STATUSES.map((status) => [status, Number(body[status] ?? 0)]),
  ) as Record<Status, number>;
}

/** @returns What of a receipt contradicts itself, or what was sent. */
export function checkReceipt(
  { results, counts, isWhole }: Receipt,
  events: readonly unknown[],
  problemsOnly: boolean,
  status: number,
): string[] {
  const wrong: string[] = [];
  if (!isWhole) return wrong;
  for (const name of STATUSES) {
    const told = results.filter((result) => result.status === name).length;
    const isLeftOut = problemsOnly && (name === 'accepted' || name === 'duplicate');
    if (!isLeftOut && told !== counts[name]) wrong.push(`${told} of ${counts[name]} ${name}`);
  }
  const total = STATUSES.reduce((sum, name) => sum + counts[name], 0);
  if (total !== events.length) wrong.push(`${total} verdicts of ${events.length} events`);
  if (new Set(results.map(({ index }) => index)).size !== results.length) wrong.push('index twice');
  for (const { index, usage_event_id: id } of results) {
    const event = events[index] as { usage_event_id?: unknown } | undefined;
    if (id !== undefined && event?.usage_event_id !== id) wrong.push(`index ${index} is not ${id}`);
  }
  const some = counts.accepted + counts.duplicate > 0;
  if (status === 200 && !some && results.length > 0) return wrong;
  if (status === 422 && some) wrong.push('422, and something was recorded');
  return wrong;
}
