import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Check } from './check.js';

/** The error, who waited for whom, and what they had asked for. */
const EXPLAINED_IN_LINES = 40;
const FINDINGS_MAX = 120;

/** Who takes locks in one order never sees one; PostgreSQL's own counters are lost with each crash. */
export async function checkDeadlocks(log: string): Promise<Check> {
  const folder = dirname(log);
  const files = (await readdir(folder)).filter((name) => name.startsWith(basename(log)));
  const findings: string[] = [];
  let held = 0;
  for (const file of files) {
    let explaining = 0;
    for await (const line of createInterface({ input: createReadStream(join(folder, file)) })) {
      held++;
      if (line.includes('deadlock detected')) explaining = EXPLAINED_IN_LINES;
      if (explaining-- > 0 && findings.length < FINDINGS_MAX) findings.push(line);
    }
  }
  return { name: 'PostgreSQL had no deadlock to resolve', findings, held };
}
