#!/usr/bin/env node
// First figures of ingestion, each beside its reference in the same run, alternating:
//   ingest_batch   POST of 1,000 unique events, 4 connections
//   ingest_single  one event per POST, 64 connections
//   reference      the same number of rows by plain pg: INSERT ... SELECT FROM unnest ... ON CONFLICT
//                  DO NOTHING into one table with a unique (tenant, 16-byte key), 1,000 a statement
// Counted is only what is committed (synchronous_commit = on), deduped and totalled when the answer
// leaves. The server is a process of its own; it must have been built (npm run build).
import { spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { openDatabase } from '../dist/src/commands/open-database.js';
import { loadConfig } from '../dist/src/config/config.js';

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '4' },
    rounds: { type: 'string', default: '3' },
    json: { type: 'string' },
  },
});
const SECONDS = Number(options.seconds);
const ROUNDS = Number(options.rounds);
const BATCH = 1_000;
const METERS = 5;
const CUSTOMERS = 2_000;

const folder = mkdtempSync(join(tmpdir(), 'countonce-bench-'));
const config = loadConfig({ DATA_DIR: join(folder, 'data') });
const database = await openDatabase(config);
const apiKey = randomBytes(24).toString('hex');
const port = 20_000 + Math.floor(Math.random() * 20_000);
const server = spawn(
  process.execPath,
  [fileURLToPath(new URL('../bin/countonce.js', import.meta.url)), 'serve'],
  {
    env: {
      ...process.env,
      DATABASE_URL: database.url,
      PORT: String(port),
      BOOTSTRAP_API_KEY: apiKey,
      LOG_LEVEL: 'error',
    },
    stdio: ['ignore', 'inherit', 'inherit'],
  },
);
const agent = new http.Agent({ keepAlive: true, maxSockets: 128 });

function request(method, path, body) {
  return new Promise((resolve, reject) => {
    const sent = http.request(
      {
        host: '127.0.0.1',
        port,
        method,
        path,
        agent,
        headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
      },
      (answer) => {
        const chunks = [];
        answer.on('data', (chunk) => chunks.push(chunk));
        answer.on('end', () =>
          resolve({ status: answer.statusCode, text: Buffer.concat(chunks).toString() }),
        );
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

/** Customers are skewed: a few have most of the usage. Hours are spread over a week. */
function event() {
  const customer = Math.floor(CUSTOMERS * Math.random() ** 3);
  return {
    usage_event_id: randomUUID(),
    customer_id: `customer-${customer}`,
    meter: `meter_${Math.floor(Math.random() * METERS)}`,
    quantity: Math.floor(Math.random() * 1_000),
    occurred_at: new Date(Date.now() - Math.floor(Math.random() * 7 * 86_400_000)).toISOString(),
  };
}

/** Runs `work` over and over on so many lanes; `prepare` is not timed against it but runs beside it. */
async function measure(lanes, work) {
  const latencies = [];
  let units = 0;
  const started = performance.now();
  const end = started + SECONDS * 1_000;
  await Promise.all(
    Array.from({ length: lanes }, async () => {
      while (performance.now() < end) {
        const at = performance.now();
        const done = await work();
        units += done;
        latencies.push(performance.now() - at);
      }
    }),
  );
  latencies.sort((a, b) => a - b);
  const seconds = (performance.now() - started) / 1_000;
  return {
    rate: units / seconds,
    p50: latencies[Math.floor(latencies.length * 0.5)],
    p99: latencies[Math.floor(latencies.length * 0.99)],
  };
}

const pool = new pg.Pool({ connectionString: database.url, max: 4 });
const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

try {
  for (let tries = 0; ; tries++) {
    const answer = await request('GET', '/health/ready').catch(() => undefined);
    if (answer?.status === 200) break;
    if (tries > 200) throw new Error('the server did not start');
    await new Promise((resume) => setTimeout(resume, 100));
  }
  for (let i = 0; i < METERS; i++)
    await request('PUT', `/v1/meters/meter_${i}`, '{"aggregation":"sum"}');
  await pool.query(
    'CREATE TABLE bare (tenant_id uuid NOT NULL, event_key uuid NOT NULL, customer text, meter text, quantity numeric, occurred_at timestamptz, PRIMARY KEY (tenant_id, event_key))',
  );
  const tenant = randomUUID();

  const postBatch = async () => {
    const answer = await request(
      'POST',
      '/v1/usage-events?results=problems',
      JSON.stringify({ events: Array.from({ length: BATCH }, event) }),
    );
    if (answer.status !== 200 || JSON.parse(answer.text).accepted !== BATCH)
      throw new Error(answer.text.slice(0, 500));
    return BATCH;
  };
  const postOne = async () => {
    const answer = await request('POST', '/v1/usage-events', JSON.stringify(event()));
    if (answer.status !== 201) throw new Error(answer.text.slice(0, 500));
    return 1;
  };
  const insertBare = async () => {
    const events = Array.from({ length: BATCH }, event);
    await pool.query(
      `INSERT INTO bare SELECT $1, e.* FROM unnest($2::uuid[], $3::text[], $4::text[], $5::numeric[], $6::timestamptz[]) AS e ON CONFLICT DO NOTHING`,
      [
        tenant,
        events.map((e) => e.usage_event_id),
        events.map((e) => e.customer_id),
        events.map((e) => e.meter),
        events.map((e) => e.quantity),
        events.map((e) => e.occurred_at),
      ],
    );
    return BATCH;
  };

  await postBatch();
  const rounds = [];
  for (let round = 0; round < ROUNDS; round++) {
    rounds.push({
      bare: await measure(4, insertBare),
      batch: await measure(4, postBatch),
      single: await measure(64, postOne),
    });
    process.stderr.write(`round ${round + 1}/${ROUNDS}\n`);
  }
  const reference = median(rounds.map((round) => round.bare.rate));
  const rows = ['batch', 'single'].map((name) => ({
    name: `ingest_${name}`,
    unit: 'events/s',
    value: Math.round(median(rounds.map((round) => round[name].rate))),
    reference: Math.round(reference),
    ratio: Number(median(rounds.map((round) => round[name].rate / round.bare.rate)).toFixed(3)),
    p50_ms: Number(median(rounds.map((round) => round[name].p50)).toFixed(1)),
    p99_ms: Number(median(rounds.map((round) => round[name].p99)).toFixed(1)),
  }));
  console.table(rows);
  if (options.json) writeFileSync(options.json, JSON.stringify(rows, null, 2));
} finally {
  server.kill('SIGTERM');
  await new Promise((resolve) =>
    server.exitCode === null ? server.once('exit', resolve) : resolve(),
  );
  agent.destroy();
  await pool.end();
  await database.close();
  rmSync(folder, { recursive: true, force: true });
}
