import { readFile } from 'node:fs/promises';

/** What `docs/problems.md` says of a code. */
export interface KnownProblem {
  readonly status: number;
  readonly title: string;
}

const ENTRY = /^### `(\w+)`\n\n(\d{3})\. ([^\n]+)\.$/gm;

/** The public list of codes, as a reader of the documentation has it. */
export async function readKnownProblems(): Promise<ReadonlyMap<string, KnownProblem>> {
  const text = await readFile(new URL('../../docs/problems.md', import.meta.url), 'utf8');
  return knownProblemsIn(text);
}

export function knownProblemsIn(text: string): ReadonlyMap<string, KnownProblem> {
  const entries = [...text.matchAll(ENTRY)].map(
    ([, code, status, title]): [string, KnownProblem] => [
      code!,
      { status: Number(status), title: title! },
    ],
  );
  if (entries.length === 0) throw new Error('docs/problems.md lists no codes.');
  return new Map(entries);
}
