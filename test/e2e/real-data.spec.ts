import { startSimulator, type Simulator } from '@countonce/stripe-simulator';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync, gzipSync } from 'node:zlib';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PushWorker } from '../../src/push/push-worker.js';
import { startTestApp, type TestApp } from '../support/app.js';
import { builtCli } from '../support/built-cli.js';
import { dayIn, hourOf, quarterHourOf, readEvents, sums } from './file-sums.js';

const DATA = fileURLToPath(new URL('../../../shared/data/', import.meta.url));
const FILES = [
  {
    name: 'web-access-2015-05.ndjson.gz',
    events: 19_331,
    customers: 1_753,
    meters: ['requests', 'egress_bytes'],
  },
  {
    name: 'llm-inference-2023-11.ndjson.gz',
    events: 56_370,
    customers: 2,
    meters: ['input_tokens', 'output_tokens'],
  },
].map((file) => ({ ...file, path: join(DATA, file.name) }));
const isThere = FILES.every((file) => existsSync(file.path));
if (!isThere) console.warn(`real usage data is not at ${DATA}: its tests are skipped`);

interface Import {
  readonly code: number | null;
  readonly counts: { accepted: number; duplicate: number; conflict: number; rejected: number };
}

/** Runs the command for real; with `killAfterMs` it is killed with SIGKILL on the way. */
async function importFile(
  app: TestApp,
  file: string,
  killAfter?: () => Promise<boolean>,
): Promise<Import> {
  const child = spawn(process.execPath, [await builtCli(), 'import', file, '--json'], {
    env: { ...process.env, DATABASE_URL: app.databaseUrl },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let out = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  const ended = new Promise<number | null>((resolve) =>
    child.once('exit', (code) => resolve(code)),
  );
  while (killAfter !== undefined && child.exitCode === null && child.signalCode === null) {
    if (await killAfter()) child.kill('SIGKILL');
    await new Promise((resume) => setTimeout(resume, 5));
  }
  const code = await ended;
  return {
    code,
    counts: code === null ? (undefined as never) : JSON.parse(out.trim().split('\n').at(-1)!),
  };
}

async function usage(app: TestApp, query: string): Promise<any[]> {
  const answer = await app.call('GET', `/v1/usage?${query}`);
  expect(answer.status, answer.text).toBe(200);
  return answer.body.data;
}

describe.skipIf(!isThere).each(FILES)('$name', (file) => {
  let app: TestApp;
  const events = isThere ? readEvents(file.path) : [];

  beforeAll(async () => {
    app = await startTestApp();
    for (const meter of file.meters)
      await app.call('PUT', `/v1/meters/${meter}`, { aggregation: 'sum' });
  });
  afterAll(() => app[Symbol.asyncDispose]());

  it(
    'is recorded whole, though it is killed half-way and begun again',
    { timeout: 240_000 },
    async () => {
      const half = await importFile(app, file.path, async () => {
        const { rows } = await app.pool.query('SELECT count(*)::int AS n FROM usage_event_key');
        return rows[0].n > file.events / 3;
      });
      expect(half.code).toBeNull();
      const { rows } = await app.pool.query('SELECT count(*)::int AS n FROM usage_event_key');
      expect(rows[0].n).toBeGreaterThan(file.events / 3);

      const rest = await importFile(app, file.path);
      expect(rest.code).toBe(0);
      expect(rest.counts).toMatchObject({
        accepted: file.events - rows[0].n,
        duplicate: rows[0].n,
        conflict: 0,
        rejected: 0,
      });
      const again = await importFile(app, file.path);
      expect(again.counts).toMatchObject({
        accepted: 0,
        duplicate: file.events,
        conflict: 0,
        rejected: 0,
      });
      const customers = await app.pool.query('SELECT count(*)::int AS n FROM customer');
      expect(customers.rows[0].n).toBe(file.customers);
    },
  );

  it.each([
    ['quarter_hour', 'UTC', quarterHourOf],
    ['hour', 'UTC', hourOf],
    ['day', 'Asia/Kolkata', dayIn('Asia/Kolkata')],
    ['day', 'America/St_Johns', dayIn('America/St_Johns')],
    ['day', 'UTC', dayIn('UTC')],
    ['month', 'UTC', (at: number) => new Date(at).toISOString().slice(0, 7)],
    ['period', 'UTC', (at: number) => new Date(at).toISOString().slice(0, 7)],
    ['total', 'UTC', () => ''],
  ] as const)('by %s in %s equals the sums of the file', async (window, timezone, labelOf) => {
    for (const meter of file.meters) {
      const rows = await usage(app, `meter=${meter}&window=${window}&timezone=${timezone}`);
      // A window says when it starts: its label is that of its first instant.
      const got = Object.fromEntries(
        rows.map((row) => [
          `${row.customer_id} ${labelOf(Date.parse(row.window_start))}`,
          [row.value, row.event_count],
        ]),
      );
      expect(got).toEqual(sums(events, meter, labelOf));
    }
  });

  it('closes by command, and its pushes are held as too old, each with its value', async () => {
    const close = await app.call('POST', '/v1/period-closes', {});
    const periods = new Set(
      events.map(
        (event) =>
          `${event.customer_id} ${event.meter} ${new Date(event.at).toISOString().slice(0, 7)}`,
      ),
    );
    expect(close.body).toMatchObject({ status: 'finished', closed: periods.size });

    await drain(app);
    const held: any[] = [];
    for (let cursor = ''; ;) {
      const page = await app.call('GET', `/v1/pushes?status=held&limit=1000${cursor}`);
      held.push(...page.body.data);
      if (page.body.next_cursor === null) break;
      cursor = `&cursor=${page.body.next_cursor}`;
    }
    expect(held).toHaveLength(periods.size);
    expect(new Set(held.map((push) => push.reason))).toEqual(new Set(['too_old']));
    for (const meter of file.meters) {
      const got = Object.fromEntries(
        held
          .filter((push) => push.meter === meter)
          .map((push) => [`${push.customer_id} ${push.period_start.slice(0, 7)}`, push.value]),
      );
      const want = sums(events, meter, (at) => new Date(at).toISOString().slice(0, 7));
      expect(got).toEqual(
        Object.fromEntries(Object.entries(want).map(([key, [sum]]) => [key, sum])),
      );
    }
  });
});

describe.skipIf(!isThere)('real usage moved into last month', () => {
  let app: TestApp;
  let simulator: Simulator;
  let folder: string;
  const [file] = FILES as [(typeof FILES)[number]];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'countonce-test-'));
    const now = Date.parse('2026-11-02T00:00:00Z');
    simulator = await startSimulator({ now, rateLimits: false, autoCustomers: true });
    app = await startTestApp({
      STRIPE_SECRET_KEY: 'sk_test_real_data',
      STRIPE_API_BASE: simulator.url,
      STRIPE_CALLS_PER_SECOND: '5000',
    });
    await app.call('POST', '/v1/test-clock', { now: '2026-11-02T00:00:00Z' });
  });
  afterAll(async () => {
    await app[Symbol.asyncDispose]();
    await simulator.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it('ends in the Stripe meters hour by hour as it stands in the file', async () => {
    const moved = join(folder, 'moved.ndjson.gz');
    const text = gunzipSync(readFileSync(file.path))
      .toString()
      .replaceAll('"2015-05-', '"2026-10-');
    writeFileSync(moved, gzipSync(text));
    const events = readEvents(moved);
    const stripe = (path: string, form: Record<string, string>) =>
      fetch(`${simulator.url}${path}`, {
        method: 'POST',
        headers: {
          authorization: 'Bearer sk_test_real_data',
          'content-type': 'application/x-www-form-urlencoded',
        },
        body: new URLSearchParams(form),
      });
    for (const meter of file.meters) {
      const made = await stripe('/v1/billing/meters', {
        display_name: meter,
        event_name: meter,
        'default_aggregation[formula]': 'sum',
      });
      expect(made.status).toBe(200);
      const put = await app.call('PUT', `/v1/meters/${meter}`, {
        aggregation: 'sum',
        stripe_event_name: meter,
      });
      expect(put.body.stripe).toMatchObject({ formula: 'sum', status: 'active' });
    }
    const customers = [...new Set(events.map((event) => event.customer_id))];
    const lines = customers.map((id, i) =>
      JSON.stringify({ customer_id: id, stripe_customer_id: `cus_${i}` }),
    );
    await app.call('PUT', '/v1/customers', lines.join('\n'), {
      'content-type': 'application/x-ndjson',
    });

    expect((await importFile(app, moved)).counts).toMatchObject({ accepted: file.events });
    await app.call('POST', '/v1/period-closes', { as_of: '2026-11-01T00:00:00Z' });
    await drain(app);

    const open = await app.pool.query(
      `SELECT status, count(*)::int FROM push WHERE status <> 'delivered' GROUP BY 1`,
    );
    expect(open.rows).toEqual([]);
    const idOf = new Map(customers.map((id, i) => [`cus_${i}`, id]));
    for (const meter of file.meters) {
      const got: Record<string, string> = {};
      for (const total of simulator.totals({ event_name: meter })) {
        got[
          `${idOf.get(total.customer)} ${new Date(total.hour_start * 1000).toISOString().slice(0, 13)}`
        ] = total.total;
      }
      const want = sums(events, meter, hourOf);
      expect(got).toEqual(
        Object.fromEntries(Object.entries(want).map(([key, [sum]]) => [key, sum])),
      );
    }
    const statement = await app.call(
      'GET',
      `/v1/customers/${customers[0]}/billing-periods/2026-10-01T00:00:00Z?meter=requests`,
    );
    expect(statement.body.delivered_value).toBe(statement.body.value);

    // Closing and planning again pushes nothing twice.
    const before = simulator.ledger().length;
    await app.call('POST', '/v1/period-closes', {});
    await drain(app);
    expect(simulator.ledger()).toHaveLength(before);
  }, 300_000);
});

async function drain(app: TestApp): Promise<void> {
  const { rows } = await app.pool.query(`SELECT tenant_id FROM tenant WHERE name = 'default'`);
  await app.app.get(PushWorker).drain(rows[0].tenant_id);
}
