import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';

/**
 * Expects a file of the repository, named from its root, to say what a program says now, so that
 * a review shows every change of it. With UPDATE_COMMITTED set the file is written anew.
 */
export function expectCommitted(path: string, text: string): void {
  const file = fileURLToPath(new URL(`../../${path}`, import.meta.url));
  if (process.env['UPDATE_COMMITTED']) writeFileSync(file, text);
  expect(text, `${path} is out of date`).toBe(readFileSync(file, 'utf8'));
}
