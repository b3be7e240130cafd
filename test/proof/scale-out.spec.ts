import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { findHaproxy } from '../../proof/scale-out/haproxy.js';
import { builtCli } from '../support/built-cli.js';

const RUN = fileURLToPath(new URL('../../proof/scale-out.js', import.meta.url));
const isThere = (await findHaproxy().catch(() => undefined)) !== undefined;

async function scaleOut(
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<{ code: number | null; said: string; complained: string }> {
  const child = spawn(process.execPath, [RUN, ...args], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [said, complained, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit'),
  ]);
  return { code: code as number | null, said, complained };
}

describe('several processes behind HAProxy', () => {
  beforeAll(async () => {
    await builtCli();
  });

  it(
    `count as one, while one of each is killed${isThere ? '' : ' (skipped: haproxy is not on PATH)'}`,
    { timeout: 900_000, skip: !isThere },
    async () => {
      const { code, said, complained } = await scaleOut([
        '--json',
        '--seconds',
        '6',
        '--seed',
        '7',
      ]);
      expect(code, complained).toBe(0);
      const document = JSON.parse(said);

      expect(document.checks.filter((check: any) => !check.ok)).toEqual([]);
      expect(document.holds).toBe(true);
      const { processes } = document;
      const killed = processes.flatMap((row: any) => (row.killed > 0 ? [row.role] : []));
      expect(killed.toSorted()).toEqual(['api', 'worker']);
      const events = processes.flatMap((row: any) => (row.role === 'api' ? [row.events] : []));
      expect(events).toHaveLength(4);
      expect(Math.min(...events)).toBeGreaterThan(0);
      expect(document.answered_meanwhile).toBeGreaterThan(0);
      expect(document.pushes).toBeGreaterThan(0);
    },
  );
});

it('says what to install where there is no HAProxy', { timeout: 120_000 }, async () => {
  const { code, said, complained } = await scaleOut(['--json'], { ...process.env, PATH: '' });

  expect(code).toBe(1);
  expect(said).toBe('');
  expect(complained).toContain('apt-get install haproxy');
});
