import { randomUUID } from 'node:crypto';
import pg from 'pg';
import type { Done, Job } from './jobs.js';
import { measure, type Step } from './measure.js';
import { newEvent } from './usage.js';

/** What is a floor for any dedupe by a constraint: one table, one unique key, nothing else. */
const INSERT = `
  INSERT INTO bare (tenant_id, event_key, customer_id, meter, quantity, occurred_at)
  SELECT $1, e.*
    FROM unnest($2::uuid[], $3::text[], $4::text[], $5::numeric[], $6::timestamptz[]) AS e
      ON CONFLICT DO NOTHING`;

const TENANT_ID = randomUUID();

export async function insert(job: Extract<Job, { kind: 'insert' }>): Promise<Done> {
  return onPool(job.databaseUrl, job.amount.lanes, (pool) =>
    measure(job.amount, async () => {
      const events = Array.from({ length: job.eventsPerRequest }, () => newEvent(job.usage));
      const parameters = [
        TENANT_ID,
        events.map((event) => event.usageEventId),
        events.map((event) => event.customerId),
        events.map((event) => event.meter),
        events.map((event) => event.quantity),
        events.map((event) => event.occurredAt),
      ];
      const from = performance.now();
      const { rowCount } = await pool.query(INSERT, parameters);
      if (rowCount !== events.length) throw new Error(`${rowCount} of ${events.length} rows came`);
      return { units: events.length, ms: performance.now() - from, events: events.length };
    }),
  );
}

export async function select(job: Extract<Job, { kind: 'select' }>): Promise<Done> {
  return onPool(job.databaseUrl, job.amount.lanes, (pool) =>
    measure(job.amount, async (): Promise<Step> => {
      const parameters = job.parameters[Math.floor(job.parameters.length * Math.random())]!;
      const from = performance.now();
      const { rowCount } = await pool.query({
        name: 'asked',
        text: job.sql,
        values: [...parameters],
      });
      if (rowCount !== 1) throw new Error(`${rowCount} rows for ${JSON.stringify(parameters)}`);
      return { units: 1, ms: performance.now() - from };
    }),
  );
}

async function onPool(
  connectionString: string,
  max: number,
  work: (pool: pg.Pool) => Promise<Done>,
): Promise<Done> {
  const pool = new pg.Pool({ connectionString, max, options: '-c TimeZone=UTC' });
  pool.on('error', () => undefined);
  try {
    return await work(pool);
  } finally {
    await pool.end();
  }
}
