import type { ImportCounts, ImportResult } from './customer-import.service.js';

const LINES_PER_WRITE = 500;

/** The answer to a bulk import, as NDJSON: a line for each result, and a last one that says it is whole. */
export async function* toNdjson(
  results: AsyncGenerator<ImportResult, ImportCounts, undefined>,
): AsyncGenerator<string, void, undefined> {
  let lines: string[] = [];
  for (;;) {
    const next = await results.next();
    if (next.done) {
      lines.push(JSON.stringify({ done: true, ...next.value }));
      yield `${lines.join('\n')}\n`;
      return;
    }
    lines.push(JSON.stringify(fromResult(next.value)));
    if (lines.length < LINES_PER_WRITE) continue;
    yield `${lines.join('\n')}\n`;
    lines = [];
  }
}

function fromResult({ index, customerId, outcome }: ImportResult): Record<string, unknown> {
  const { status } = outcome;
  const named = customerId === undefined ? { index } : { index, customer_id: customerId };
  if (status !== 'rejected') return { ...named, status };
  const { code, message: detail, errors } = outcome.problem;
  const [first] = errors ?? [];
  const error = first === undefined ? { code, detail } : { ...first };
  return { ...named, status, error };
}
