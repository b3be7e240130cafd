import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startSimulator, type Simulator, type SimulatorOptions } from '@countonce/stripe-simulator';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../support/temporary-folder.js';
import { runCli, startCli } from './cli.js';

async function withSimulator(
  options: SimulatorOptions,
  work: (simulator: Simulator, env: Record<string, string>) => Promise<void>,
): Promise<void> {
  const simulator = await startSimulator({ rateLimits: false, ...options });
  const env = {
    STRIPE_SECRET_KEY: 'sk_test_doctor',
    STRIPE_API_BASE: simulator.url,
    DATA_DIR: temporaryFolder(),
  };
  try {
    await work(simulator, env);
  } finally {
    await simulator.stop();
  }
}

describe('doctor --stripe', () => {
  it('measures, tells a person, and saves what the simulator can be started with', async () => {
    const switches = { unknownCustomer: 'async', lastTie: 'first' } as const;
    await withSimulator({ switches }, async (_simulator, env) => {
      const { code, stdout } = await runCli(['doctor', '--stripe'], env);
      expect([code, existsSync(join(env['DATA_DIR']!, 'postgres'))]).toEqual([0, false]);
      expect(stdout).toMatch(/last_tie .* first\n +lastTie = "first"/);
      expect(stdout).toMatch(/What no switch expresses\n(?:.*\n)* +duplicate_identifier .*\b400\b/);
      const file = join(env['DATA_DIR']!, 'stripe-switches.json');
      expect(stdout).toContain(`simulate-stripe --switches ${file}`);
      const saved = JSON.parse(readFileSync(file, 'utf8'));
      expect(saved.switches).toMatchObject({ ...switches, identifierScope: 'account' });

      const simulator = await startSimulator({ switches: saved.switches });
      await simulator.stop();
    });
  }, 240_000);

  it.each(['sk_live_abc', 'rk_live_abc'])('calls nothing with a live key: %s', async (key) => {
    await withSimulator({}, async (simulator, env) => {
      const { code, json, stderr } = await runCli(['doctor', '--stripe', '--json'], {
        ...env,
        STRIPE_SECRET_KEY: key,
      });
      expect([code, json.error.code]).toEqual([2, 'live_key_refused']);
      expect(stderr).toContain('sk_test_');
      expect(stderr).not.toContain(key);
      expect(simulator.ledger()).toEqual([]);
    });
  });

  it('asks for a key', async () => {
    const { code, json } = await runCli(['doctor', '--stripe', '--json']);
    expect([code, json.error.code]).toEqual([1, 'stripe_not_configured']);
  });

  it('tells what it would do, and does nothing', async () => {
    const { code, json } = await runCli(['doctor', '--stripe', '--dry-run', '--json']);
    expect(code).toBe(0);
    expect(json.steps.length).toBeGreaterThan(10);
    expect(json.steps.at(-1)).toContain('delete the customers');
  });

  it('says that Stripe does not answer', async () => {
    const env = { STRIPE_SECRET_KEY: 'sk_test_x', STRIPE_API_BASE: 'http://127.0.0.1:1' };
    const { code, json } = await runCli(['doctor', '--stripe', '--json'], env);
    expect([code, json.error.code]).toEqual([1, 'stripe_unavailable']);
  });

  it('cleans up after Ctrl-C', async () => {
    const switches = { aggregationLagMs: 'paused' } as const;
    await withSimulator({ switches }, async (simulator, env) => {
      const run = await startCli(['doctor', '--stripe', '--json'], env);
      await expect.poll(() => simulator.ledger().length, { timeout: 30_000 }).toBeGreaterThan(5);
      run.process.kill('SIGINT');
      const { code, json } = await run.ended;
      expect([code, json.error.code]).toEqual([130, 'interrupted']);
      const response = await fetch(`${simulator.url}/v1/billing/meters`, {
        headers: { authorization: 'Bearer sk_test_doctor' },
      });
      const { data } = (await response.json()) as { data: { status: string }[] };
      expect(data.map(({ status }) => status)).toEqual(['inactive', 'inactive', 'inactive']);
    });
  }, 240_000);
});
