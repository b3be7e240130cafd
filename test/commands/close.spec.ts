import { describe, expect, it } from 'vitest';
import { startTestApp, type TestApp } from '../support/app.js';
import { runCli } from './cli.js';

async function appWithEndedPeriods(): Promise<TestApp> {
  const app = await startTestApp();
  await app.call('PUT', '/v1/meters/tokens', { aggregation: 'sum' });
  const events = ['2026-01-10', '2026-02-10'].flatMap((day) =>
    ['c-1', 'c-2', 'c-3'].map((customer_id) => ({
      usage_event_id: `${customer_id} ${day}`,
      customer_id,
      meter: 'tokens',
      quantity: '2',
      occurred_at: `${day}T12:00:00Z`,
    })),
  );
  await app.call('POST', '/v1/usage-events', { events });
  return app;
}

describe('close', () => {
  it('closes what ended by an instant, waits for it, and closes nothing twice', async () => {
    await using app = await appWithEndedPeriods();
    const env = { DATABASE_URL: app.databaseUrl };
    const close = (...options: string[]) => runCli(['close', '--json', ...options], env);
    const asOf = ['--as-of', '2026-02-01T00:00:00Z'];

    const rehearsed = await close(...asOf, '--dry-run');
    expect(rehearsed.json).toMatchObject({ status: 'dry_run', closed: 3, already_closed: 0 });
    const one = await close(...asOf, '--customer', 'c-1', '--meter', 'tokens');
    expect(one.json).toMatchObject({ status: 'finished', closed: 1 });
    const others = await close(...asOf);
    expect(others.json).toMatchObject({ closed: 2, already_closed: 1 });
    const again = await close(...asOf);
    expect(again.json).toMatchObject({ closed: 0, already_closed: 3 });

    const path = '/v1/customers/c-1/billing-periods?meter=tokens';
    const { body } = await app.call('GET', path);
    expect(body.data.map((period: any) => period.status)).toEqual(['closed', 'ended']);
  });

  it('first ends a close that was cut off, at the instant that it promised', async () => {
    await using app = await appWithEndedPeriods();
    const cutOff = '2026-02-01T00:00:07.000000Z';
    await app.pool.query(
      `INSERT INTO period_close (tenant_id, period_close_id, as_of, customer_no, meter_no, by_clock,
              due, already_closed, gate_version, closed_at)
       SELECT tenant_id, gen_random_uuid(), '2026-02-01', 0, 0, false, 3, 0, gate_version,
              $1::timestamptz
         FROM tenant`,
      [cutOff],
    );
    await app.pool.query(`UPDATE tenant SET closed_through = '2026-02-01'`);
    const { stdout } = await runCli(['close'], { DATABASE_URL: app.databaseUrl });
    expect(stdout).toMatch(/^Closed 3 periods .* 3 were closed already/);
    const { rows } = await app.pool.query(
      `SELECT count(*)::int FROM period_close WHERE finished_at IS NULL`,
    );
    expect(rows).toEqual([{ count: 0 }]);
    const { body } = await app.call('GET', '/v1/customers/c-2/billing-periods?meter=tokens');
    expect(Date.parse(body.data[0].closed_at)).toBe(Date.parse(cutOff));
  });

  it.each([
    ['an instant in the future', ['--as-of', '2199-01-01T00:00:00Z'], 'as_of_in_future'],
    ['what is no instant', ['--as-of', 'yesterday'], 'validation_failed'],
    ['a customer that there is not', ['--customer', 'nobody'], 'customer_not_found'],
    ['a meter that there is not', ['--meter', 'nothing'], 'meter_not_found'],
  ])('refuses %s', async (_, options, code) => {
    await using app = await startTestApp();
    const { json, ...ended } = await runCli(['close', '--json', ...options], {
      DATABASE_URL: app.databaseUrl,
    });
    expect([ended.code, json.error.code]).toEqual([1, code]);
  });
});
