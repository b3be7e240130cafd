import { describe, expect, it } from 'vitest';
import { TestClockService } from '../../src/access/test-clock.service.js';
import { loadConfig } from '../../src/config/config.js';
import { readGate } from '../../src/database/gate.js';
import { MICROS_PER_MINUTE } from '../../src/domain/instant.js';
import { createTestTenant, type TestTenant } from '../support/tenant.js';

const MONTH_END = Date.UTC(2026, 11, 1) * 1_000;

function clockOf(test: TestTenant, env: NodeJS.ProcessEnv = {}): TestClockService {
  return new TestClockService(test.db, loadConfig(env), test.tenants);
}

async function nowOf(test: TestTenant): Promise<number> {
  return (await readGate(test.db.work, test.tenantId)).now;
}

describe('the test clock', () => {
  it('reads what it was set to and goes on from there', async () => {
    await using test = await createTestTenant();

    expect(await clockOf(test).set(test.tenantId, MONTH_END)).toBe(MONTH_END);

    const first = await nowOf(test);
    expect(first).toBeGreaterThanOrEqual(MONTH_END);
    expect(first).toBeLessThan(MONTH_END + 10 * MICROS_PER_MINUTE);
    expect(await nowOf(test)).toBeGreaterThan(first);
  });

  it('goes back to the real time, and is seen by whoever computed before', async () => {
    await using test = await createTestTenant();
    await clockOf(test).set(test.tenantId, MONTH_END);
    const before = await test.gateVersion();

    await clockOf(test).set(test.tenantId, null);

    expect(Math.abs((await nowOf(test)) - Date.now() * 1_000)).toBeLessThan(MICROS_PER_MINUTE);
    expect(await test.gateVersion()).toBe(before + 1);
  });

  it('that nobody has set is the real time of the same look', async () => {
    await using test = await createTestTenant();
    const gate = await test.db.work.transaction(async (tx) => {
      // A clock that goes on by a second each time it is looked at.
      await tx.query('CREATE SCHEMA looks');
      await tx.query('CREATE SEQUENCE looks.taken');
      await tx.query(`CREATE FUNCTION looks.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
        AS $$ SELECT pg_catalog.now() + nextval('looks.taken') * interval '1 second' $$`);
      await tx.query('SET LOCAL search_path = public, looks, pg_catalog');
      return readGate(tx, test.tenantId);
    });

    expect(gate.now).toBe(gate.receivedAt);
  });

  it.each(['sk_test_123', 'rk_test_123'])('may be set with the key %s', async (key) => {
    await using test = await createTestTenant();
    const clock = clockOf(test, { STRIPE_SECRET_KEY: key });

    expect(await clock.set(test.tenantId, MONTH_END)).toBe(MONTH_END);
  });

  it('cannot be set for the tenant that has a live key, but for others', async () => {
    await using test = await createTestTenant();
    await test.tenants.ensureDefaultTenant({});
    const live = (await test.tenants.byName('default'))!.tenantId;
    const clock = clockOf(test, { STRIPE_SECRET_KEY: 'rk_live_123' });

    await expect(clock.set(live, MONTH_END)).rejects.toMatchObject({
      code: 'test_clock_live',
      status: 409,
    });
    // Going back to the real time is never refused.
    expect(Math.abs((await clock.set(live, null)) / 1_000 - Date.now())).toBeLessThan(60_000);
    expect(await clock.set(test.tenantId, MONTH_END)).toBe(MONTH_END);
  });

  it('stays within the years in which usage may lie', async () => {
    await using test = await createTestTenant();
    const clock = clockOf(test);
    const first = Date.UTC(2000, 0, 1) * 1_000;
    const end = Date.UTC(2200, 0, 1) * 1_000;

    expect(await clock.set(test.tenantId, first)).toBe(first);
    expect(await clock.set(test.tenantId, end - 1)).toBe(end - 1);
    await expect(clock.set(test.tenantId, first - 1)).rejects.toMatchObject({ status: 422 });
    await expect(clock.set(test.tenantId, end)).rejects.toMatchObject({ status: 422 });
  });
});
