import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startSimulator } from '@countonce/stripe-simulator';
import { checkNode } from '../../src/commands/doctor/process-checks.js';
import { startTestApp } from '../support/app.js';
import { removeFolder, temporaryFolder } from '../support/temporary-folder.js';
import { runCli } from './cli.js';

let folder: string;
beforeAll(() => void (folder = temporaryFolder()));
afterAll(() => removeFolder(folder));

function statusOf(json: any, name: string): string | undefined {
  return json.checks.find((check: any) => check.name === name)?.status;
}

describe('doctor', () => {
  it('finds nothing wrong with the embedded database', async () => {
    const { code, json } = await runCli(['doctor', '--json'], { DATA_DIR: folder });
    expect(json.checks.filter((check: any) => check.status === 'fail')).toEqual([]);
    expect([code, json.ok]).toEqual([0, true]);
    for (const name of [
      'node',
      'DATA_DIR',
      'disk',
      'PostgreSQL',
      'clock',
      'migrated',
      'months',
      'fsync',
    ]) {
      expect([name, statusOf(json, name)]).toEqual([name, 'ok']);
    }
    expect(statusOf(json, 'Stripe')).toBe('warn');
  });

  it('fails on each variable that is wrong, and names it', async () => {
    const { code, json } = await runCli(['doctor', '--json'], { PORT: '-1', ROLE: 'boss' });
    expect(code).toBe(1);
    expect([statusOf(json, 'PORT'), statusOf(json, 'ROLE')]).toEqual(['fail', 'fail']);
  });

  it('fails on a folder that cannot be one', async () => {
    const DATA_DIR = join('/dev/null', 'data');
    const { code, stdout } = await runCli(['doctor'], { DATA_DIR });
    expect(code).toBe(1);
    expect(stdout).toMatch(/fail +DATA_DIR.*\n +-> Set DATA_DIR/);
  });

  it('fails on a database that is not there', async () => {
    const { code, json } = await runCli(['doctor', '--json'], {
      DATABASE_URL: 'postgres://someone:hunter2@127.0.0.1:1/usage',
    });
    expect([code, statusOf(json, 'database')]).toEqual([1, 'fail']);
    expect(JSON.stringify(json)).not.toContain('hunter2');
  });

  it('finds settings under which what was answered can be lost, and a ledger without its guard', async () => {
    await using app = await startTestApp();
    const name = new URL(app.databaseUrl).pathname.slice(1);
    await app.pool.query(`ALTER DATABASE ${name} SET synchronous_commit = off`);
    await app.pool.query(`DROP TRIGGER usage_entry_append_only ON usage_entry;
      ALTER TABLE usage_event_key_07 DISABLE TRIGGER usage_event_key_07_append_only`);
    await app.pool.query(`DO $$ BEGIN EXECUTE 'DROP TABLE usage_event' ||
      to_char(date_trunc('month', now(), 'UTC') AT TIME ZONE 'UTC' + interval '2 months', '_YYYY_MM'); END $$`);
    const { code, json } = await runCli(['doctor', '--json'], { DATABASE_URL: app.databaseUrl });
    expect(code).toBe(1);
    expect(statusOf(json, 'synchronous_commit')).toBe('fail');
    const guard = json.checks.find((check: any) => check.name === 'append-only');
    expect(guard).toMatchObject({
      status: 'fail',
      detail: 'no trigger guards usage_entry, usage_event_key_07',
    });
    expect(statusOf(json, 'months')).toBe('warn');
    expect(statusOf(json, 'migrated')).toBe('ok');
  });

  it('wants room for a process on the server', async () => {
    await using app = await startTestApp();
    const env = { DATABASE_URL: app.databaseUrl, DATABASE_POOL_SIZE: '200' };
    const { json } = await runCli(['doctor', '--json'], env);
    expect(statusOf(json, 'connections')).toBe('fail');
  });

  it('holds our meters against those of Stripe', async () => {
    await using app = await startTestApp();
    const simulator = await startSimulator();
    try {
      const key = 'sk_test_doctor';
      for (const [event_name, formula] of [
        ['requests', 'sum'],
        ['seats', 'count'],
      ]) {
        await fetch(`${simulator.url}/v1/billing/meters`, {
          method: 'POST',
          headers: { authorization: `Bearer ${key}` },
          body: new URLSearchParams({
            event_name: event_name!,
            display_name: event_name!,
            'default_aggregation[formula]': formula!,
          }),
        });
      }
      for (const [meter, stripe_event_name] of [
        ['requests', 'requests'],
        ['seats', 'seats'],
        ['tokens', 'nowhere'],
      ]) {
        await app.call('PUT', `/v1/meters/${meter}`, { aggregation: 'sum', stripe_event_name });
      }
      const env = {
        DATABASE_URL: app.databaseUrl,
        STRIPE_SECRET_KEY: key,
        STRIPE_API_BASE: simulator.url,
      };
      const { code, stdout, json } = await runCli(['doctor', '--json'], env);
      expect(code).toBe(1);
      expect(statusOf(json, 'Stripe')).toBe('ok');
      expect(statusOf(json, 'meter requests')).toBe('ok');
      expect(statusOf(json, 'meter seats')).toBe('fail');
      expect(statusOf(json, 'meter tokens')).toBe('fail');
      expect(stdout).not.toContain(key);
    } finally {
      await simulator.stop();
    }
  });

  it('fails on a Stripe that does not answer', async () => {
    await using app = await startTestApp();
    const { json } = await runCli(['doctor', '--json'], {
      DATABASE_URL: app.databaseUrl,
      STRIPE_SECRET_KEY: 'sk_test_doctor',
      STRIPE_API_BASE: 'http://127.0.0.1:1',
    });
    expect(statusOf(json, 'Stripe')).toBe('fail');
  });

  it.each([
    ['20.18.9', 'fail'],
    ['20.19.0', 'ok'],
    ['22.0.0', 'ok'],
    ['18.20.0', 'fail'],
  ])('takes Node.js %s as %s', (version, status) => {
    expect(checkNode(version).status).toBe(status);
  });
});
