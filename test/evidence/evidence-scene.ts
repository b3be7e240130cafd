import { readFileSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { exportEvidence } from '../../src/commands/evidence/export-run.js';
import { FileSink } from '../../src/commands/evidence/evidence-writer.js';
import { verifyEvidence, type Verification } from '../../src/commands/verification/verification.js';
import { Database } from '../../src/database/database.js';
import { SERVICE_ROLE } from '../../src/database/roles.js';
import { endOfEvidence, isEvidenceLine, noLines } from '../../src/domain/evidence.js';
import { parseInstant } from '../../src/domain/instant.js';

export type Line = Record<string, any>;

/** Writes the evidence of a customer into a file. @returns Its lines without the last. */
export async function exported(
  databaseUrl: string,
  path: string,
  scope: { customer: string; meter?: string; start?: string; withProperties?: boolean },
): Promise<Line[]> {
  const db = new Database(databaseUrl, 1, SERVICE_ROLE);
  try {
    const request = {
      tenant: 'default',
      customer: scope.customer,
      meter: scope.meter,
      start: scope.start === undefined ? null : parseInstant(scope.start)!,
      from: null,
      to: null,
      withProperties: scope.withProperties ?? false,
      product: 'countonce tested',
    };
    await exportEvidence(db, request, {
      open: () => FileSink.open(path, true),
      onProgress: () => undefined,
      isStopping: () => false,
    });
  } finally {
    await db.end();
  }
  return linesOf(path).slice(0, -1);
}

export function linesOf(path: string): Line[] {
  const text = readFileSync(path, 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
}

/** Whoever alters a file may as well make its last line anew: then it looks whole. */
export function sealed(lines: readonly Line[]): string {
  const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
  const counts = noLines();
  for (const { type } of lines) if (isEvidenceLine(type)) counts[type]++;
  const sha256 = createHash('sha256').update(text).digest('hex');
  return text + endOfEvidence(lines.length, counts, sha256);
}

/** Verifies a text as a file. */
export async function verified(folder: string, text: string): Promise<Verification> {
  const path = join(folder, 'altered.ndjson');
  writeFileSync(path, text);
  return verifyEvidence(path);
}

export function wrongOf({ checks }: Verification): string[] {
  return [...new Set(checks.filter(({ ok }) => !ok).map(({ check }) => check))];
}
