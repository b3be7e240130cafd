import { fork, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { loadConfig } from '../src/config/config.js';
import { Database } from '../src/database/database.js';
import { PeriodCloser } from '../src/periods/period-closer.js';
import { createBenchDatabase } from './bench-database.js';

const CLOSES = 20;
const WARM_UP_MS = 2_000;
const PAUSE_MAX_MS = 250;

/** How many write at once, in a process of their own, and how many events each sends at a time. */
const LOADS = [
  { writers: 8, events: 10_000 },
  { writers: 16, events: 1 },
] as const;

/**
 * How long a close waits for the gate while others record: from `begin` to the mark that is
 * committed. Held against 500 ms.
 */
export async function main(): Promise<void> {
  for (const load of LOADS) {
    await using database = await createBenchDatabase();
    const db = new Database(database.url, loadConfig({}).DATABASE_POOL_SIZE);
    try {
      const tenantId = await createTenant(db);
      const writers = fork(fileURLToPath(new URL('run.js', import.meta.url)), [
        'close-wait-writers',
        database.url,
        tenantId,
        String(load.writers),
        String(load.events),
      ]);
      await once(writers, 'message');
      const waits = await measure(db, tenantId);
      const { rate, failures } = await stop(writers);
      const at = (share: number): string =>
        `${waits[Math.ceil(share * waits.length) - 1]!.toFixed(0)} ms`;
      process.stdout.write(
        `${load.writers} writers of ${load.events} events (${rate.toFixed(0)} events/s, ` +
          `${failures} failures), ${CLOSES} closes: ` +
          `median ${at(0.5)}, p95 ${at(0.95)}, max ${at(1)}\n`,
      );
    } finally {
      await db.end();
    }
  }
}

/** @returns The waits in milliseconds, in order of their length. */
async function measure(db: Database, tenantId: string): Promise<number[]> {
  const closer = new PeriodCloser(db, loadConfig({}));
  const waits: number[] = [];
  await pause(WARM_UP_MS);
  for (let i = 0; i < CLOSES; i++) {
    await pause(Math.random() * PAUSE_MAX_MS);
    const from = performance.now();
    // Long ago, so that nothing becomes late: what is measured is the gate.
    const asOf = Date.UTC(2001, 0, 1) * 1_000;
    await closer.begin(tenantId, { asOf, customerNo: 0, meterNo: 0, byClock: false });
    waits.push(performance.now() - from);
  }
  return waits.sort((a, b) => a - b);
}

async function createTenant(db: Database): Promise<string> {
  const [tenant] = await db.work.query<{ tenantId: string }>(
    `WITH tenant AS (
       INSERT INTO tenant (name, hash_key) VALUES ('bench', $1) RETURNING tenant_id),
     meter AS (
       INSERT INTO meter (tenant_id, meter_no, key) SELECT tenant_id, 1, 'tokens' FROM tenant),
     settings AS (
       INSERT INTO meter_settings (tenant_id, meter_no, version, aggregation, event_types,
              value_property, late_usage)
       SELECT tenant_id, 1, 1, 'sum', ARRAY['tokens'], 'quantity', 'carry_forward' FROM tenant)
     SELECT tenant_id AS "tenantId" FROM tenant`,
    [randomBytes(32)],
  );
  return tenant!.tenantId;
}

async function stop(writers: ChildProcess): Promise<{ rate: number; failures: number }> {
  writers.send('stop');
  const [result] = (await once(writers, 'message')) as [{ rate: number; failures: number }];
  await once(writers, 'exit');
  return result;
}

function pause(ms: number): Promise<void> {
  return new Promise((resume) => setTimeout(resume, ms));
}
