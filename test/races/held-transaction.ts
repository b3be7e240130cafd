import pg from 'pg';
import { onTestFinished } from 'vitest';
import { eventKey } from '../../src/domain/event-key.js';
import type { DailyTenant } from './daily-tenant.js';

/** A session of the test's own, ended with the test. */
export async function session(test: DailyTenant): Promise<pg.Client & { processID: number }> {
  const client = new pg.Client(test.url);
  client.on('error', () => undefined);
  await client.connect();
  onTestFinished(() => client.end());
  return client as pg.Client & { processID: number };
}

/** Makes recorders of the id wait inside their transaction, behind the gate, until it lets go. */
export async function holdId(test: DailyTenant, id: string): Promise<() => Promise<unknown>> {
  const holder = await session(test);
  await holder.query('BEGIN');
  await holder.query(
    `INSERT INTO usage_event_key VALUES ($1, $2, decode(repeat('00', 16), 'hex'), now())`,
    [test.tenantId, eventKey('', id)],
  );
  return () => holder.query('ROLLBACK');
}

/** Makes a close wait behind the closed gate, before it raises its mark, until it lets go. */
export async function holdMark(test: DailyTenant): Promise<() => Promise<unknown>> {
  const holder = await session(test);
  await holder.query('BEGIN');
  await holder.query('SELECT FROM tenant WHERE tenant_id = $1 FOR UPDATE', [test.tenantId]);
  return () => holder.query('ROLLBACK');
}
