import { createServer, type Server } from 'node:net';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli, startCli, type Running } from '../commands/cli.js';
import { startTestApp, type TestApp } from '../support/app.js';

const CUSTOMERS = 260;

let app: TestApp;
let env: Record<string, string>;
/** Stands where Stripe is: whoever connects is counted. */
let stripe: Server;
let connections = 0;

/** A process under this refuses to load what could push. */
const REFUSE = `export function load(url, context, next) {
  if (/\\/dist\\/src\\/(?:push|stripe|outbox|webhooks)\\/|\\/node_modules\\/stripe\\//.test(url))
    throw new Error('refused to load ' + url);
  return next(url, context);
}`;
const asModule = (code: string): string => `data:text/javascript,${encodeURIComponent(code)}`;
const REFUSING = `--import=${asModule(
  `import { register } from 'node:module'; register(${JSON.stringify(asModule(REFUSE))});`,
)}`;

beforeAll(async () => {
  stripe = createServer((socket) => {
    connections++;
    socket.destroy();
  }).listen(0, '127.0.0.1');
  await once(stripe, 'listening');
  const { port } = stripe.address() as { port: number };
  app = await startTestApp();
  env = {
    DATABASE_URL: app.databaseUrl,
    STRIPE_SECRET_KEY: 'sk_test_51ReplayAccount0000000',
    STRIPE_API_BASE: `http://127.0.0.1:${port}`,
    NODE_OPTIONS: REFUSING,
  };
  await app.call('PUT', '/v1/meters/tokens', { aggregation: 'sum', stripe_event_name: 'tokens' });
  const events = Array.from({ length: CUSTOMERS }, (_, i) => ({
    usage_event_id: `e-${i}`,
    customer_id: `c-${String(i).padStart(3, '0')}`,
    meter: 'tokens',
    quantity: '2',
    occurred_at: '2026-02-10T12:00:00Z',
  }));
  await app.call('POST', '/v1/usage-events', { events });
  await app.pool.query(
    `WITH d AS (DELETE FROM usage_delta RETURNING *) INSERT INTO usage_total SELECT * FROM d`,
  );
});
afterAll(async () => {
  await app[Symbol.asyncDispose]();
  stripe.close();
});

const replay = (...options: string[]) => runCli(['replay', '--json', ...options], env);
const damage = (where = 'true') =>
  app.pool.query(`UPDATE usage_total SET quantity_sum = quantity_sum + 1 WHERE ${where}`);

/** Lets an apply come to a total in its second chunk, and no further. */
async function applyHeldUp(): Promise<{
  readonly running: Running;
  readonly id: string;
  release(): Promise<void>;
}> {
  await damage();
  const lock = await app.pool.connect();
  await lock.query('BEGIN');
  await lock.query('SELECT FROM usage_total ORDER BY customer_no DESC LIMIT 1 FOR UPDATE');
  const running = await startCli(['replay', '--json', '--apply'], env);
  for (;;) {
    const { rows } = await app.pool.query<{ id: string }>(
      `SELECT replay_id AS id FROM replay
        WHERE mode = 'apply' AND finished_at IS NULL AND changes > 0
          AND EXISTS (SELECT FROM pg_stat_activity
                       WHERE application_name = 'countonce replay' AND wait_event_type = 'Lock'
                         AND datname = current_database())`,
    );
    if (rows[0] !== undefined) {
      const release = async (): Promise<void> => {
        await lock.query('ROLLBACK');
        lock.release();
      };
      return { running, id: rows[0].id, release };
    }
    await new Promise((resume) => setTimeout(resume, 50));
  }
}

describe('the command replay', () => {
  it('finds nothing, mends what differs, and takes that back, without a way to Stripe', async () => {
    const clean = await replay();
    expect([clean.code, clean.stderr]).toEqual([0, '']);
    expect(clean.json).toMatchObject({
      mode: 'verify',
      status: 'finished',
      checked: { periods: CUSTOMERS, entries: CUSTOMERS, registry_keys: CUSTOMERS },
      difference_count: 0,
    });

    await damage(`customer_no = (SELECT customer_no FROM customer WHERE customer_id = 'c-007')`);
    const verified = await replay();
    expect(verified).toMatchObject({ code: 1, json: { difference_count: 1, changes: 0 } });
    expect(verified.json.differences).toMatchObject([
      {
        kind: 'total',
        customer_id: 'c-007',
        meter: 'tokens',
        ledger: { quantity_sum: '2' },
        stored: { quantity_sum: '3' },
      },
    ]);
    const applied = await replay('--apply');
    expect(applied).toMatchObject({ code: 1, json: { difference_count: 1, changes: 1 } });
    const reverted = await replay('--revert', applied.json.id);
    expect(reverted).toMatchObject({ code: 0, json: { mode: 'revert', changes: 1 } });
    const told = await runCli(['replay', '--apply'], env);
    expect(told.stdout).toMatch(/c-007 .*stored \{"quantity_sum":"3"\} {2}mended\n/);
    expect(told.stdout).toMatch(/: 1 differences, 1 totals rewritten\.\n$/);
    expect(connections).toBe(0);
  }, 240_000);

  it('would not run where it brought along what pushes, as others do', async () => {
    const other = await runCli(['close', '--json'], env);
    expect(other.code).not.toBe(0);
    expect(other.stderr).toContain('refused to load');
  });

  it('ends between two chunks when it is told to, and goes on where it was', async () => {
    const { running, id, release } = await applyHeldUp();
    running.process.kill('SIGTERM');
    await new Promise((resume) => setTimeout(resume, 2_000));
    await release();
    const stopped = await running.ended;
    expect(stopped).toMatchObject({ code: 130, json: { id, status: 'running' } });
    expect(stopped.json.changes).toBeGreaterThan(0);
    const resumed = await replay('--resume', id);
    expect(resumed).toMatchObject({
      code: 1,
      json: { status: 'finished', difference_count: CUSTOMERS, changes: CUSTOMERS },
    });
    expect((await replay()).code).toBe(0);
  }, 240_000);

  it('goes on where it was killed', async () => {
    const { running, id, release } = await applyHeldUp();
    running.process.kill('SIGKILL');
    await running.ended;
    await release();
    // Its lease ends by itself, a minute later.
    await app.pool.query('UPDATE replay SET lease_until = NULL');
    const resumed = await replay('--resume', id);
    expect(resumed).toMatchObject({
      code: 1,
      json: { status: 'finished', difference_count: CUSTOMERS, changes: CUSTOMERS },
    });
    expect((await replay()).code).toBe(0);
  }, 240_000);

  it('takes back what an unfinished one has done', async () => {
    const { running, id, release } = await applyHeldUp();
    running.process.kill('SIGKILL');
    await running.ended;
    await release();
    await app.pool.query('UPDATE replay SET lease_until = NULL');
    const done = await app.pool.query('SELECT FROM replay_change WHERE replay_id = $1', [id]);
    expect(done.rowCount).toBeGreaterThan(0);
    expect((await replay('--revert', id)).json.changes).toBe(done.rowCount);
    const after = await replay('--apply');
    expect(after.json.difference_count).toBe(CUSTOMERS);
  }, 240_000);

  it.each([
    ['both ways at once', ['--revert', 'x', '--apply'], 2, 'wrong_usage'],
    ['a tenant that there is not', ['--tenant', 'nobody'], 1, 'tenant_not_found'],
  ])('refuses %s', async (_, options, code, error) => {
    const ended = await replay(...options);
    expect([ended.code, ended.json.error.code]).toEqual([code, error]);
  });
});
