import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { VARIANTS, type VariantName } from '../../proof/variants/variants.js';
import { builtCli } from '../support/built-cli.js';

const RUN = fileURLToPath(new URL('../../proof/run.js', import.meta.url));
const SEED = '7';
/** A mistake shows in one of so many runs, if not in the first: timing is real. */
const TRIES = 3;

/** What finds each of them out. */
const FOUND_BY: Readonly<Record<VariantName, RegExp>> = {
  'polling-sequence': /^totals = ledger/,
  'unsorted-batches': /deadlock/,
  'answer-before-commit': /^every acknowledged event/,
  'asynchronous-commit': /^every acknowledged event/,
  'fail-open': /^every acknowledged event/,
};

beforeAll(async () => {
  await builtCli();
});

async function prove(...args: string[]): Promise<{ code: number | null; document: any }> {
  const child = spawn(process.execPath, [RUN, '--json', '--crashes', '0', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [said, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  return { code: code as number | null, document: JSON.parse(said) };
}

const failedIn = (document: any): string[] =>
  document.checks.filter((check: any) => !check.ok).map((check: any) => check.name);

describe('the proof', () => {
  it('holds for the product', { timeout: 600_000 }, async () => {
    const { code, document } = await prove('--seconds', '12', '--seed', SEED);

    expect(failedIn(document)).toEqual([]);
    expect(document.holds).toBe(true);
    expect(code).toBe(0);
    expect(document.crashes).toBeGreaterThan(0);
    expect(document.ledger_events).toBeGreaterThan(0);
    expect(document.pushes).toBeGreaterThan(0);
  });

  it.each(VARIANTS)('finds out %s', { timeout: 900_000 }, async (variant) => {
    for (let attempt = 1; attempt <= TRIES; attempt++) {
      const args = ['--variant', variant, '--seconds', '12', '--seed', String(attempt)];
      const { code, document } = await prove(...args);
      if (!failedIn(document).some((name) => FOUND_BY[variant].test(name))) continue;

      expect(document.holds).toBe(false);
      expect(code).toBe(1);
      return;
    }
    expect.unreachable(`none of ${TRIES} runs showed it`);
  });
});
