import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  CLOUD_EVENT,
  EVERY_SCOPE,
  NDJSON,
  quarantineScene,
  tallies,
  usageEvent,
  type QuarantineScene,
} from './quarantine-scene.js';

let scene: QuarantineScene;
beforeAll(async () => void (scene = await quarantineScene()));
afterAll(() => scene[Symbol.asyncDispose]());

async function one(usageEventId: string): Promise<any> {
  const listed = await scene.listed(`?usage_event_id=${encodeURIComponent(usageEventId)}`);
  expect(listed).toHaveLength(1);
  return listed[0];
}

describe('the quarantine', () => {
  it('keeps an event that was refused alone, as it was sent, with what is wrong', async () => {
    const sent = usageEvent('alone', { meter: 'nobody', source: 'web', quantity: 1.5 });
    expect((await scene.post(sent)).status).toBe(422);

    const kept = await one('alone');
    expect(kept).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      usage_event_id: 'alone',
      source: 'web',
      customer_id: 'acme',
      meter: 'nobody',
      code: 'unknown_meter',
      errors: [{ code: 'unknown_meter', pointer: '/meter', detail: expect.any(String) }],
      event: sent,
      historical: false,
      count: 1,
      first_seen_at: kept.last_seen_at,
      last_seen_at: expect.stringMatching(/Z$/),
    });
  });

  it('keeps nothing of what is accepted or a duplicate', async () => {
    const before = await scene.pool.query('SELECT count(*) FROM quarantined_event');
    await scene.post(usageEvent('good'));
    await scene.post({ events: [usageEvent('good'), usageEvent('good too')] });
    const after = await scene.pool.query('SELECT count(*) FROM quarantined_event');
    expect(after.rows).toEqual(before.rows);
  });

  it('keeps what a batch refuses and what conflicts in it, and tells pointers into the event', async () => {
    await scene.post({
      events: [
        usageEvent('b1'),
        usageEvent('b1', { quantity: '2' }),
        usageEvent('b2', { quantity: 'many', colour: 'red' }),
      ],
    });

    const conflict = await one('b1');
    expect(conflict).toMatchObject({ code: 'usage_event_conflict', fields: ['quantity'] });
    expect(conflict.event.quantity).toBe('2');
    const refused = await one('b2');
    expect(refused.code).toBe('quantity_invalid');
    expect(refused.errors.map((error: any) => [error.code, error.pointer])).toEqual([
      ['quantity_invalid', '/quantity'],
      ['unknown_field', '/colour'],
    ]);
    expect(refused).not.toHaveProperty('fields');
  });

  it('says of a conflict with an event whose details are gone that nobody knows the fields', async () => {
    await scene.post(usageEvent('faded'));
    await scene.pool.query(`
      ALTER TABLE usage_event DISABLE TRIGGER ALL;
      DELETE FROM usage_event WHERE usage_event_id = 'faded'`);
    const answer = await scene.post(usageEvent('faded', { quantity: '2' }));

    expect(answer.status).toBe(409);
    expect(await one('faded')).toMatchObject({ code: 'usage_event_conflict', fields: null });
  });

  it('keeps what an NDJSON stream refuses, gzipped or not, and leaves out lines that hold no event', async () => {
    const lines = [usageEvent('n1', { meter: 'nobody' }), usageEvent('n2')].map((event) =>
      JSON.stringify(event),
    );
    await scene.post(`${lines.join('\n')}\n{"usage_event_id":"cut\nnull\n[1]\n{}`, NDJSON);
    await scene.post(gzipSync(lines[0]!), { ...NDJSON, 'content-encoding': 'gzip' });

    expect(await one('n1')).toMatchObject({ code: 'unknown_meter', count: 2 });
    expect(await scene.listed('?usage_event_id=n2')).toEqual([]);
    expect(await scene.listed('?code=invalid_json')).toEqual([]);
  });

  it('keeps CloudEvents in their own shape, found by the members of a usage event', async () => {
    const sent = {
      specversion: '1.0',
      id: 'ce',
      source: '/shop',
      subject: 'acme',
      type: 'nobody',
      data: { quantity: 3, region: 'eu' },
    };
    await scene.post(sent, CLOUD_EVENT);
    await scene.post({ ...sent, specversion: '0.3', id: 'ce old' }, CLOUD_EVENT);

    expect(await one('ce')).toMatchObject({
      source: '/shop',
      customer_id: 'acme',
      meter: 'nobody',
      event: sent,
    });
    expect(await one('ce old')).toMatchObject({ code: 'specversion_unsupported' });
  });

  it('keeps usage that is late where the meter rejects late usage', async () => {
    await scene.call('PUT', '/v1/meters/strict', { aggregation: 'sum', late_usage: 'reject' });
    const early = { meter: 'strict', occurred_at: '2025-03-05T00:00:00Z', customer_id: 'late-one' };
    await scene.post(usageEvent('strict-1', early));
    await scene.call('POST', '/v1/period-closes', {
      as_of: '2025-04-01T00:00:00Z',
      meter: 'strict',
    });
    await scene.post(usageEvent('strict-2', early));

    expect(await one('strict-2')).toMatchObject({ code: 'late_usage_rejected', meter: 'strict' });
  });

  it('keeps texts that PostgreSQL cannot, and shows them as they were sent', async () => {
    const wrong = {
      customer_id: 'nul \0',
      meter: 'half \ud800',
      properties: { 'a\0b': '\udc00', __proto: 'x' },
      'unknown \0 \ud800': [1, { deep: null }],
    };
    const answer = await scene.post(usageEvent('odd', wrong));
    expect(answer.status).toBe(422);

    const kept = await one('odd');
    expect(kept).toMatchObject({ customer_id: null, meter: null, source: '' });
    expect(kept.event).toEqual(usageEvent('odd', wrong));
    expect(kept.errors.length).toBeGreaterThan(2);
  });

  it('keeps members that are named like those of every object', async () => {
    const text =
      '{"usage_event_id":"proto","customer_id":"a","meter":"tokens","__proto__":{"x":1}}';
    expect((await scene.post(text)).status).toBe(422);
    expect((await scene.post(text)).status).toBe(422);

    expect(await one('proto')).toMatchObject({ count: 2, code: 'unknown_field' });
    const { rows } = await scene.pool.query(
      `SELECT event::text AS text FROM quarantined_event WHERE usage_event_id = 'proto'`,
    );
    expect(rows[0].text).toBe(text);
  });

  it('cannot keep what has no lawful id', async () => {
    const before = await scene.pool.query('SELECT count(*) FROM quarantined_event');
    const ids = [undefined, null, '', 5, 'x'.repeat(256), 'nul \0', '\ud800', {}];
    for (const usage_event_id of ids) {
      expect((await scene.post(usageEvent('', { usage_event_id }))).status).toBe(422);
    }
    const after = await scene.pool.query('SELECT count(*) FROM quarantined_event');
    expect(after.rows).toEqual(before.rows);
  });

  it('names what is too large to be kept, without keeping it', async () => {
    const sent = usageEvent('huge', { note: 'x'.repeat(70_000) });
    expect((await scene.post(sent)).status).toBe(422);
    expect(await one('huge')).toMatchObject({ code: 'unknown_field', event: null, count: 1 });
  });

  it('has one row for each id and content, however its members are ordered or spelt', async () => {
    const lawful = usageEvent('same', { meter: 'nobody', quantity: '1.0' });
    await scene.post(lawful);
    await scene.post(usageEvent('same', { meter: 'nobody', quantity: 1 }));
    const unlawful = { a: 1, b: { c: 2, d: 3 } };
    await scene.post({ usage_event_id: 'wrong', ...unlawful });
    await scene.post({ b: { d: 3, c: 2 }, a: 1, usage_event_id: 'wrong' });
    expect((await one('same')).count).toBe(2);
    expect((await one('wrong')).count).toBe(2);

    await scene.post({ ...lawful, quantity: '2' });
    await scene.post({ ...lawful, source: 'other' });
    await scene.post({ usage_event_id: 'wrong', ...unlawful, a: 2 });
    expect(await scene.listed('?usage_event_id=same')).toHaveLength(3);
    expect(await scene.listed('?usage_event_id=wrong')).toHaveLength(2);
  });

  it('has one row of an event that one key may not send and another may, but not there', async () => {
    const writer = await scene.callerWith(['usage:write']);
    const negative = usageEvent('negative', { quantity: '-1', meter: 'nobody' });
    await writer('POST', '/v1/usage-events', negative);
    expect((await one('negative')).code).toBe('scope_required');
    await scene.post(negative);
    expect(await one('negative')).toMatchObject({ code: 'unknown_meter', count: 2 });
  });

  it('is listed page by page, and by code, customer and meter', async () => {
    const some = Array.from({ length: 5 }, (_, n) =>
      usageEvent(`page-${n}`, { customer_id: 'reader', meter: n < 3 ? 'nobody' : 'none' }),
    );
    await scene.post({ events: some });

    const ids: string[] = [];
    let cursor = '';
    for (let page = 0; page < 3; page++) {
      const path = `/v1/quarantine?customer_id=reader&limit=2${cursor}`;
      const { body } = await scene.call('GET', path);
      ids.push(...body.data.map((event: any) => event.usage_event_id));
      cursor = `&cursor=${body.next_cursor}`;
      expect(body.next_cursor === null).toBe(page === 2);
    }
    expect(ids.toSorted()).toEqual(some.map((event) => event.usage_event_id));
    expect(await scene.listed('?customer_id=reader&meter=none')).toHaveLength(2);
    expect(await scene.listed('?customer_id=reader&code=unknown_meter')).toHaveLength(5);
    expect(await scene.listed('?customer_id=reader&code=usage_event_conflict')).toEqual([]);
  });

  it('lets an event go where somebody says why', async () => {
    await scene.post(usageEvent('unwanted', { meter: 'nobody' }));
    const { id } = await one('unwanted');
    const path = `/v1/quarantine/${id}`;
    expect((await scene.call('DELETE', path)).status).toBe(422);
    expect((await scene.call('DELETE', path, { reason: '' })).status).toBe(422);
    expect((await scene.call('DELETE', path, { reason: 'a\0b' })).status).toBe(422);

    const answer = await scene.call('DELETE', path, { reason: 'a test of ours' });
    expect([answer.status, answer.text]).toEqual([204, '']);
    expect(await scene.listed('?usage_event_id=unwanted')).toEqual([]);
    for (const gone of [path, '/v1/quarantine/nonsense']) {
      const again = await scene.call('DELETE', gone, { reason: 'once more' });
      expect([again.status, again.body.code]).toEqual([404, 'quarantined_event_not_found']);
    }
    await scene.post(usageEvent('unwanted', { meter: 'nobody' }));
    expect(await one('unwanted')).toMatchObject({ id, count: 1 });
  });

  it('asks for the scope of what is done', async () => {
    const reader = await scene.callerWith(['usage:read']);
    const writer = await scene.callerWith(['usage:write', 'billing:write', 'admin']);
    const { id } = await one('alone');

    expect((await reader('GET', '/v1/quarantine')).status).toBe(200);
    expect((await writer('GET', '/v1/quarantine')).status).toBe(403);
    for (const caller of [reader, writer]) {
      expect((await caller('POST', '/v1/quarantine/replays', {})).status).toBe(403);
      const removal = await caller('DELETE', `/v1/quarantine/${id}`, { reason: 'none' });
      expect(removal.status).toBe(403);
    }
  });

  it('is of one tenant', async () => {
    const stranger = await scene.callerWith(EVERY_SCOPE, 'stranger');
    const { id } = await one('alone');

    expect((await stranger('GET', '/v1/quarantine')).body).toEqual({
      data: [],
      next_cursor: null,
      dropped: 0,
    });
    expect((await stranger('DELETE', `/v1/quarantine/${id}`, { reason: 'mine' })).status).toBe(404);
    const replay = await stranger('POST', '/v1/quarantine/replays', { ids: [id] });
    expect(replay.body).toMatchObject({ rejected: 0, remaining: 0 });
    await stranger('POST', '/v1/usage-events', {
      ...usageEvent('alone', { meter: 'nobody', source: 'web', quantity: 1.5 }),
    });
    expect((await one('alone')).count).toBe(1);
    expect((await stranger('GET', '/v1/quarantine')).body.data).toHaveLength(1);
  });

  it('knows how much it holds, and says so in the metrics', async () => {
    const { tally, rows } = await tallies(scene);
    expect(tally).toEqual(rows);
    const { text } = await scene.call('GET', '/metrics');
    const { rows: counted } = await scene.pool.query('SELECT count(*) FROM quarantined_event');
    expect(text).toContain(`\nquarantine_events ${counted[0].count}\n`);
    expect(text).toMatch(/^usage_events_quarantined_total\{code="unknown_meter"\} [1-9]/m);
  });
});
