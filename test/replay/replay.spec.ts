import { describe, expect, it } from 'vitest';
import { call, startTestApp } from '../support/app.js';
import { History } from './history.js';

describe('a replay', () => {
  it.each([1, 2, 3])('finds nothing in what recorders, folds and closes made (%#)', async () => {
    await using history = await History.open();
    await history.happen(60);
    const answer = await history.replay();
    expect(answer.differences, `seed ${history.random.seed}`).toEqual([]);
    expect(answer).toMatchObject({ status: 'finished', difference_count: 0, changes: 0 });
    const { rows } = await history.app.pool.query<{
      entries: number;
      keys: number;
      closed: number;
    }>(
      `SELECT (SELECT count(*)::int FROM usage_entry) AS entries,
              (SELECT count(*)::int FROM usage_event_key) AS keys,
              (SELECT count(*)::int FROM billing_period WHERE closed_at IS NOT NULL) AS closed`,
    );
    expect(answer.checked).toMatchObject({
      entries: rows[0]!.entries,
      registry_keys: rows[0]!.keys,
      statements: rows[0]!.closed,
    });
  });

  it('finds nothing while usage is recorded, folded and closed, and applying changes none of it', async () => {
    await using history = await History.open();
    await history.happen(15);
    await history.arriveAt(90);
    let isOver = false;
    const until = async (work: () => Promise<unknown>): Promise<void> => {
      while (!isOver) await work();
    };
    const others = Promise.all([
      until(() => history.send(20, 60)),
      until(() => history.send(5, 88)),
      until(() => history.fold()),
      until(async () => {
        await history.close();
        await new Promise((resume) => setTimeout(resume, 200));
      }),
    ]);
    const counts: number[] = [];
    for (let i = 0; i < 8; i++) {
      const { difference_count: count } = await history.replay({
        mode: i % 2 ? 'apply' : 'verify',
      });
      counts.push(count);
    }
    // What is damaged under way is mended under way.
    await history.damage(
      'UPDATE usage_total SET quantity_sum = quantity_sum + 1, digest = digest + 1',
    );
    await history.damage('DELETE FROM usage_unique');
    await history.damage(
      `INSERT INTO usage_unique SELECT DISTINCT tenant_id, customer_no, meter_no, period_start, 0, true,
              period_start, '["eu"]', gen_random_uuid() FROM usage_entry WHERE unique_key IS NOT NULL`,
    );
    const applied = await history.replay({ mode: 'apply' });
    isOver = true;
    await others;
    expect(counts).toEqual(counts.map(() => 0));
    expect(applied.changes).toBeGreaterThan(0);
    // A close that came between the damage and its mending says what was then.
    const { differences } = await history.replay();
    expect(differences.filter(({ kind }) => kind !== 'statement')).toEqual([]);
  }, 180_000);

  it('keeps what was recorded since, when it is taken back', async () => {
    await using history = await History.open(5);
    await history.send(200, 20);
    await history.fold();
    await history.damage('UPDATE usage_total SET quantity_sum = quantity_sum + 100');
    const applied = await history.replay({ mode: 'apply' });
    await history.send(200, 20);
    await history.revert(applied.id);
    const { differences, difference_count: count } = await history.replay();
    expect(count).toBe(applied.changes);
    for (const { ledger, stored } of differences) {
      expect(Number(stored!['quantity_sum']) - Number(ledger!['quantity_sum'])).toBeCloseTo(100, 6);
      expect(Object.keys(stored!)).toEqual(['quantity_sum']);
    }
    expect(count).toBeGreaterThan(0);
  });

  it('looks at the customer and the periods that are asked for', async () => {
    await using history = await History.open(6);
    await history.send(150, 80);
    const all = await history.replay();
    const one = await history.replay({ mode: 'verify', customer_id: 'c-1' });
    const february = await history.replay({
      mode: 'verify',
      from: '2026-02-10T00:00:00Z',
      to: '2026-02-11T00:00:00Z',
    });
    const { rows } = await history.app.pool.query<{ one: number; february: number }>(
      `SELECT count(*) FILTER (WHERE customer_no = (SELECT customer_no FROM customer WHERE customer_id = 'c-1'))::int AS one,
              count(*) FILTER (WHERE period_start = '2026-02-01')::int AS february FROM usage_entry
        WHERE billable`,
    );
    expect(one.checked.entries).toBeGreaterThanOrEqual(rows[0]!.one);
    expect(one.checked.registry_keys).toBeLessThan(all.checked.registry_keys);
    expect(february.checked.entries).toBe(rows[0]!.february);
    expect(all.checked.entries).toBeGreaterThan(one.checked.entries);
    for (const { difference_count: count } of [all, one, february]) expect(count).toBe(0);
  });
});

describe('the replay routes', () => {
  it('give the work to a worker, and answer when it is done', async () => {
    await using app = await startTestApp({ ROLE: 'all' });
    await app.call('PUT', '/v1/meters/tokens', { aggregation: 'sum' });
    await app.call('POST', '/v1/usage-events', {
      usage_event_id: 'e-1',
      customer_id: 'c-1',
      meter: 'tokens',
      quantity: '2',
    });
    const verified = await app.call('POST', '/v1/replays', { mode: 'verify' });
    expect(verified).toMatchObject({
      status: 200,
      body: { status: 'finished', differences: [], checked: { entries: 1 } },
    });
    expect((await app.call('GET', `/v1/replays/${verified.body.id}`)).body).toEqual(verified.body);
    // So that nothing folds it meanwhile.
    await app.pool.query('UPDATE usage_delta SET quantity_sum = 5');
    await app.pool.query('UPDATE usage_total SET quantity_sum = 5');
    const applied = await app.call('POST', '/v1/replays', { mode: 'apply', customer_id: 'c-1' });
    expect(applied.body).toMatchObject({ customer_id: 'c-1', difference_count: 1, changes: 1 });
    const usage = async () => (await app.call('GET', '/v1/usage?meter=tokens')).body.data[0].value;
    expect(await usage()).toBe('2');
    const path = `/v1/replays/${applied.body.id}/reversals`;
    const reverted = await app.call('POST', path);
    expect(reverted).toMatchObject({ status: 200, body: { mode: 'revert', changes: 1 } });
    expect(await usage()).toBe('5');
    expect((await app.call('POST', path)).body.id).toBe(reverted.body.id);
    expect((await app.call('GET', `/v1/replays/${applied.body.id}`)).body.reverted_by).toBe(
      reverted.body.id,
    );
    const nothing = await app.call('POST', `/v1/replays/${verified.body.id}/reversals`);
    expect(nothing).toMatchObject({ status: 409, body: { code: 'replay_not_reversible' } });
  });

  it('answer 202 where no worker is, and refuse what cannot be', async () => {
    await using app = await startTestApp();
    const waiting = await app.call('POST', '/v1/replays', { mode: 'apply' });
    expect(waiting).toMatchObject({ status: 202, body: { status: 'running' } });
    for (const [path, body, status, code] of [
      ['/v1/replays', { mode: 'guess' }, 422, 'validation_failed'],
      ['/v1/replays', {}, 422, 'validation_failed'],
      ['/v1/replays', { mode: 'verify', from: 'x' }, 422, 'validation_failed'],
      ['/v1/replays', { mode: 'verify', customer_id: 'x' }, 404, 'customer_not_found'],
      ['/v1/replays/x/reversals', undefined, 404, 'replay_not_found'],
    ] as const) {
      expect(await app.call('POST', path, body)).toMatchObject({ status, body: { code } });
    }
    const { body } = await app.call('POST', '/v1/api-keys', { name: 'r', scopes: ['usage:read'] });
    const refused = await call(app.url, body.key, 'POST', '/v1/replays', { mode: 'verify' });
    expect(refused.status).toBe(403);
  });
});
