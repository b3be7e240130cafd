import { basename } from 'node:path';
import { describe, expect, it } from 'vitest';
import pg from 'pg';
import { actAs } from '../../src/access/audit/actor.js';
import { TenantService } from '../../src/access/tenant.service.js';
import { Retention } from '../../src/retention/retention.js';
import { CUSTOMERS, type History } from '../replay/history.js';
import {
  APRIL,
  at,
  MONTHS,
  monthsOf,
  openOldHistory,
  rehearse,
  retain,
  statements,
  UNTOLD,
} from './retention-scene.js';

const leftOf = (outcomes: { month: string; status: string }[]) =>
  outcomes.map(({ month, status }) => `${month} ${status}`);

async function firstEvent(history: History): Promise<any> {
  const { body } = await history.app.call('GET', '/v1/usage-events?limit=1&voided=false');
  return body.data[0];
}

describe('months that leave', () => {
  it('leave every total, set, statement and amendment as it was, and a replay that can put them right', async () => {
    await using history = await openOldHistory();
    const seed = `seed ${history.random.seed}`;
    const damaged = async () => {
      await history.fold();
      await history.damage(
        'UPDATE usage_total SET quantity_sum = quantity_sum + 1, digest = digest + 1',
      );
      await history.damage('DELETE FROM usage_unique');
      return history.replay({ mode: 'apply' });
    };
    // As the ledger has them, the members among them that no aggregation reads.
    await damaged();
    const before = { totals: await history.totals(), statements: await statements(history) };
    expect((await history.replay()).differences, seed).toEqual([]);
    for (const month of ['2026-02', '2026-03', '2026-04']) {
      const outcomes = await retain(history, at(`${month}-01T00:00:00Z`));
      expect(outcomes, seed).toMatchObject([{ status: 'left', obstacles: [] }]);
      expect((await history.replay()).differences, `${seed} before ${month}`).toEqual([]);
      expect(await history.totals(), seed).toEqual(before.totals);
      expect(await statements(history), seed).toEqual(before.statements);
    }
    for (const book of ['usage_event', 'usage_entry']) {
      expect(await monthsOf(history, book)).not.toEqual(expect.arrayContaining([...MONTHS]));
    }
    const { rows } = await history.app.pool.query(
      'SELECT count(*)::int AS entries FROM usage_entry',
    );
    expect(rows).toEqual([{ entries: 0 }]);

    expect((await damaged()).changes, seed).toBeGreaterThan(0);
    expect(await history.totals(), seed).toEqual(before.totals);
  }, 300_000);

  it('leave their ids taken: a copy is known, other content a conflict, late usage counts on', async () => {
    await using history = await openOldHistory();
    const { usage_event_id, customer_id, meter, quantity, occurred_at, properties } =
      await firstEvent(history);
    const event = { usage_event_id, customer_id, meter, quantity, occurred_at, properties };
    await retain(history);
    const send = (more: object) =>
      history.app.call('POST', '/v1/usage-events', { ...event, ...more });
    expect(await send({})).toMatchObject({ status: 200, body: { status: 'duplicate' } });
    expect(await send({ quantity: '9999' })).toMatchObject({
      status: 409,
      body: { code: 'usage_event_conflict', fields: null },
    });
    expect(await send({ usage_event_id: 'late' })).toMatchObject({ status: 201 });
    expect((await history.replay()).differences).toEqual([]);
  }, 300_000);

  it('are in the audit of whoever had usage in them, and of nobody else', async () => {
    await using history = await openOldHistory();
    const { pool } = history.app;
    const other = await history.app.app.get(TenantService).create('without usage');
    const { rows: had } = await pool.query<{ events: number; entries: number }>(
      `SELECT (SELECT count(*)::int FROM usage_event WHERE received_at < '2026-02-01') AS events,
              (SELECT count(*)::int FROM usage_entry WHERE received_at < '2026-02-01') AS entries`,
    );
    const [january] = await actAs({ kind: 'command_line', id: 'operator@host' }, () =>
      retain(history, at('2026-02-01T00:00:00Z'), process.env['TMPDIR'] ?? '/tmp'),
    );
    const { body } = await history.app.call(
      'GET',
      '/v1/audit-entries?action=ledger_month.retained',
    );
    expect(had[0]!.events).toBeGreaterThan(0);
    expect(body.data).toMatchObject([
      {
        actor: { kind: 'command_line', id: 'operator@host' },
        subject: 'ledger_month:2026-01',
        before: had[0],
        after: { file: basename(january!.file!), sha256: january!.sha256 },
      },
    ]);
    const { rows } = await pool.query(
      `SELECT FROM audit_entry WHERE tenant_id = $1 AND action = 'ledger_month.retained'`,
      [other],
    );
    expect(rows).toEqual([]);
  }, 300_000);

  it('are said to be gone wherever one of their entries is asked for or to be changed', async () => {
    await using history = await openOldHistory();
    const { usage_event_id: id } = await firstEvent(history);
    await retain(history);
    const call = async (method: string, path: string, body?: unknown) => {
      const answer = await history.app.call(method, path, body);
      return [answer.status, answer.body.code];
    };
    const gone = [410, 'usage_event_retained'];
    const missing = [409, 'ledger_month_missing'];
    expect(await call('GET', `/v1/usage-events/${id}`)).toEqual(gone);
    expect(await call('GET', `/v1/usage-events?usage_event_id=${id}`)).toEqual(gone);
    expect(await call('GET', '/v1/usage-events/never-sent')).toEqual([
      404,
      'usage_event_not_found',
    ]);
    const reason = 'mistaken';
    const single = { usage_event_id: id, reason };
    expect(await call('POST', '/v1/usage-events/void', single)).toEqual(missing);
    for (const filter of [
      { usage_event_ids: [id] },
      { customer_id: CUSTOMERS[0] },
      { from: '2026-01-01T00:00:00Z' },
    ]) {
      for (const dry_run of [true, false]) {
        expect(await call('POST', '/v1/voids', { filter, reason, dry_run })).toEqual(missing);
      }
    }
    const { body } = await history.app.call(
      'GET',
      `/v1/customers/${CUSTOMERS[0]}/billing-periods?limit=1`,
    );
    const { period_start: start, meter } = body.data[0];
    const path = `/v1/customers/${CUSTOMERS[0]}/billing-periods/${start}/usage-events?meter=${meter}`;
    expect(await call('GET', path)).toEqual(missing);
  }, 300_000);

  it('keep a later void out of a maximum whose other entries are gone, and let sums go down', async () => {
    await using history = await openOldHistory();
    await retain(history);
    const { rows } = await history.app.pool.query<{ customer_id: string; bucket: Date }>(
      `SELECT c.customer_id, u.bucket FROM usage_checkpoint u
         JOIN customer c USING (tenant_id, customer_no) JOIN meter m USING (tenant_id, meter_no)
        WHERE m.key = 'peak' AND u.billable LIMIT 1`,
    );
    const { customer_id, bucket: occurred_at } = rows[0]!;
    const send = (usage_event_id: string, meter: string) =>
      history.app.call('POST', '/v1/usage-events', {
        usage_event_id,
        customer_id,
        meter,
        quantity: '70',
        occurred_at,
      });
    const voided = (usage_event_id: string) =>
      history.app.call('POST', '/v1/usage-events/void', { usage_event_id, reason: 'mistaken' });
    expect((await send('peak-1', 'peak')).body.accepted).toBe(1);
    expect((await send('strict-1', 'strict')).body.accepted).toBe(1);
    expect((await voided('peak-1')).body).toMatchObject({ code: 'ledger_month_missing' });
    expect((await voided('strict-1')).status).toBe(200);
    expect((await history.replay()).differences).toEqual([]);
  }, 300_000);

  it('let recorders go on beside an open reader, who reads on to the end', async () => {
    await using history = await openOldHistory();
    const reader = new pg.Client(history.app.databaseUrl);
    await reader.connect();
    await reader.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    const counted = async () =>
      (await reader.query('SELECT count(*)::int AS n FROM usage_entry, usage_event LIMIT 1'))
        .rows[0].n;
    const before = await counted();
    const retained = retain(history);
    await pending(history, retained);
    await history.send(20, 131);
    expect((await history.replay()).differences).toEqual([]);
    expect(await counted()).toBe(before);
    await reader.query('COMMIT');
    await reader.end();
    // What came meanwhile amends periods that the later months bill to.
    expect(leftOf(await retained)[0]).toBe('2026-01 left');
  }, 300_000);
});

describe('a retention that ends half-way', () => {
  it.each(['seal', 'checkpoint', 'detach', 'file', 'drop'] as const)(
    'before it comes to %s goes on the next time',
    async (died) => {
      await using history = await openOldHistory();
      const before = await statements(history);
      const hooks = {
        ...UNTOLD,
        onStep: (_: string, step: string) => {
          if (step === died) throw new Error('died');
        },
      };
      const directory = process.env['TMPDIR'] ?? '/tmp';
      await expect(retain(history, APRIL, directory, hooks)).rejects.toThrow('died');
      expect((await history.replay()).differences).toEqual([]);
      expect(await statements(history)).toEqual(before);
      const outcomes = await retain(history, APRIL, directory);
      expect(leftOf(outcomes)).toEqual(MONTHS.map((month) => `${month} left`));
      expect((await history.replay()).differences).toEqual([]);
      expect(await statements(history)).toEqual(before);
    },
    300_000,
  );

  it('while it waits for a reader is finished once he has gone', async () => {
    await using history = await openOldHistory();
    const reader = await history.app.pool.connect();
    await reader.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    await reader.query('SELECT count(*) FROM usage_entry');
    const retention = await Retention.open(history.app.databaseUrl);
    const retained = retention.run(APRIL, undefined, UNTOLD);
    await pending(history, retained);
    await retention.cancel();
    expect(leftOf(await retained)[0]).toBe('2026-01 leaving');
    await retention.end();
    expect(leftOf(await rehearse(history))[0]).toBe('2026-01 leaving');
    await reader.query('COMMIT');
    reader.release();
    expect(leftOf(await retain(history))).toEqual(MONTHS.map((month) => `${month} left`));
  }, 300_000);
});

/** Until the first month waits for its readers. */
async function pending(history: History, retained: Promise<unknown>): Promise<void> {
  let isOver = false;
  void retained.finally(() => (isOver = true));
  while (!isOver) {
    const { rows } = await history.app.pool.query('SELECT FROM pg_inherits WHERE inhdetachpending');
    if (rows.length > 0) return;
    await new Promise((resume) => setTimeout(resume, 50));
  }
  throw new Error('it has waited for nobody');
}
