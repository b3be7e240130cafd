import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestApp, type TestApp } from '../support/app.js';

let app: TestApp;

beforeAll(async () => {
  app = await startTestApp();
  await app.call('PUT', '/v1/meters/requests', { aggregation: 'sum' });
});
afterAll(() => app[Symbol.asyncDispose]());

const post = (body: unknown, headers?: Record<string, string>, query = '') =>
  app.call('POST', `/v1/usage-events${query}`, body, headers);

let ids = 0;
const event = (fields: Record<string, unknown> = {}) => ({
  usage_event_id: `event-${++ids}`,
  customer_id: 'acme',
  meter: 'requests',
  quantity: '1',
  ...fields,
});

describe('one usage event', () => {
  it('is 201 when it is new, and 200 with its first receipt ever after', async () => {
    const sent = event();
    const first = await post(sent);
    const again = await post(sent);

    expect(first).toMatchObject({ status: 201, body: { status: 'accepted', accepted: 1 } });
    expect(again).toMatchObject({ status: 200, body: { status: 'duplicate', duplicate: 1 } });
    const recorded = await app.call('GET', `/v1/usage-events/${sent.usage_event_id}`);
    expect(again.body.first_received_at).toBe(recorded.body.received_at);
    expect(recorded.body.copies).toBe(1);
  });

  it.each([
    ['quantity', { quantity: '2' }],
    ['customer_id', { customer_id: 'other' }],
    ['meter', { meter: 'requests', quantity: '1', properties: { a: 1 } }],
    ['occurred_at', { occurred_at: '2026-01-01T00:00:00Z' }],
  ])('is a 409 problem that names %s where that differs', async (field, change) => {
    const sent = event();
    await post(sent);
    const other = await post({ ...sent, ...change });

    expect(other.status).toBe(409);
    expect(other.headers.get('content-type')).toBe('application/problem+json');
    expect(other.body.error.fields).toEqual([field === 'meter' ? 'properties' : field]);
    expect((await app.call('GET', `/v1/usage-events/${sent.usage_event_id}`)).body.quantity).toBe(
      '1',
    );
  });

  it('is the same under another writing of its decimal, its time and its properties', async () => {
    const id = `event-${++ids}`;
    await post({
      usage_event_id: id,
      customer_id: 'acme',
      meter: 'requests',
      quantity: '1.50',
      occurred_at: '2026-02-01T02:00:00.10+02:00',
      properties: { a: 1, b: 'x' },
    });
    const again = await post({
      usage_event_id: id,
      customer_id: 'acme',
      meter: 'requests',
      quantity: 1.5,
      occurred_at: '2026-02-01T00:00:00.1Z',
      properties: { b: 'x', a: 1 },
    });
    expect(again.body.status).toBe('duplicate');
  });

  it('keeps its own id per source', async () => {
    const sent = event();
    expect((await post({ ...sent, source: 'a' })).status).toBe(201);
    expect((await post({ ...sent, source: 'b', quantity: '9' })).status).toBe(201);
    expect((await post(sent)).status).toBe(201);
    const found = await app.call(
      'GET',
      `/v1/usage-events?usage_event_id=${sent.usage_event_id}&source=b`,
    );
    expect(found.body.data).toHaveLength(1);
    expect(found.body.data[0].quantity).toBe('9');
  });

  it('stays without occurred_at a copy of itself at a later moment', async () => {
    const sent = event();
    await post(sent);
    await new Promise((resume) => setTimeout(resume, 20));
    expect((await post(sent)).status).toBe(200);
  });

  it('keeps microseconds and twelve fraction digits to the last', async () => {
    const sent = event({
      quantity: '123456789012345.123456789012',
      occurred_at: '2026-03-01T00:00:00.123456Z',
    });
    await post(sent);
    const { body } = await app.call('GET', `/v1/usage-events/${sent.usage_event_id}`);
    expect(body).toMatchObject({
      quantity: '123456789012345.123456789012',
      occurred_at: '2026-03-01T00:00:00.123456Z',
    });
  });

  it('answers 422 with the place and a remedy where nobody listens to its meter', async () => {
    const refused = await post(event({ meter: 'nobody' }));
    expect(refused).toMatchObject({ status: 422, body: { code: 'unknown_meter', rejected: 1 } });
    expect(refused.body.errors[0]).toMatchObject({ pointer: '/meter', code: 'unknown_meter' });
    expect(refused.body.detail).toMatch(/PUT \/v1\/meters/);
  });

  it('is a duplicate also after its meter has been archived', async () => {
    await app.call('PUT', '/v1/meters/short_lived', { aggregation: 'sum' });
    const sent = event({ meter: 'short_lived' });
    await post(sent);
    await app.call('DELETE', '/v1/meters/short_lived');
    expect((await post(sent)).body.status).toBe('duplicate');
    expect((await post({ ...sent, quantity: '7' })).status).toBe(409);
    expect((await post(event({ meter: 'short_lived' }))).status).toBe(422);
  });

  it('is refused from the future, and with a negative quantity without the scope', async () => {
    const ahead = new Date(Date.now() + 6 * 60_000).toISOString();
    const soon = new Date(Date.now() + 4 * 60_000).toISOString();
    expect((await post(event({ occurred_at: ahead }))).body.code).toBe('occurred_at_in_future');
    expect((await post(event({ occurred_at: soon }))).status).toBe(201);

    const key = (await app.call('POST', '/v1/api-keys', { name: 'w', scopes: ['usage:write'] }))
      .body.key;
    const refused = await post(event({ quantity: '-1' }), { authorization: `Bearer ${key}` });
    expect(refused.body.code).toBe('scope_required');
    expect((await post(event({ quantity: '-1' }))).status).toBe(201);
  });
});

describe('properties', () => {
  it('are read from the event alone, never from what every object has', async () => {
    await app.call('PUT', '/v1/meters/odd', {
      aggregation: 'unique_count',
      unique_property: 'constructor',
    });
    await app.call('PUT', '/v1/meters/dim', { aggregation: 'count', dimensions: ['toString'] });
    const missing = await post(event({ meter: 'odd', properties: {} }));
    expect(missing).toMatchObject({ status: 422, body: { code: 'property_required' } });
    expect((await post(event({ meter: 'dim', customer_id: 'dim' }))).status).toBe(201);
    const usage = await app.call('GET', '/v1/usage?meter=dim&group_by=toString');
    expect(usage.body.data[0].group).toEqual({ toString: null });
  });

  it('with a whole number that JSON has moved are refused, never counted as another', async () => {
    const text = JSON.stringify(event({ properties: { user: 'X' } })).replace(
      '"X"',
      '9007199254740993',
    );
    expect(await post(text)).toMatchObject({ status: 422, body: { code: 'property_not_exact' } });
    expect((await post(event({ properties: { ratio: 0.1 + 0.2, n: 2 ** 53 - 1 } }))).status).toBe(
      201,
    );
  });
});

describe('a batch', () => {
  it('judges each event by itself and harms no neighbour', async () => {
    const [a, b] = [event(), event()];
    await post(b);
    const answer = await post({
      events: [
        a,
        a,
        { ...a, quantity: '2' },
        b,
        event({ meter: 'nobody' }),
        { usage_event_id: 5 },
        event(),
      ],
    });

    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({ accepted: 2, duplicate: 2, conflict: 1, rejected: 2 });
    expect(answer.body.results.map((r: { status: string }) => r.status)).toEqual([
      'accepted',
      'duplicate',
      'conflict',
      'duplicate',
      'rejected',
      'rejected',
      'accepted',
    ]);
    expect(answer.body.results[4].error.pointer).toBe('/events/4/meter');
    expect(answer.body.results[2].error.fields).toEqual(['quantity']);
  });

  it('records the first of its copies that can be, whatever was refused before it', async () => {
    await app.call('PUT', '/v1/meters/strict', { aggregation: 'sum', late_usage: 'reject' });
    await post(event({ customer_id: 'strict', meter: 'strict' }));
    await app.call('POST', '/v1/period-closes', { customer_id: 'strict', meter: 'strict' });
    const late = event({
      customer_id: 'strict',
      meter: 'strict',
      occurred_at: '2026-01-05T00:00:00Z',
    });
    const onTime = {
      ...event({ customer_id: 'strict', meter: 'strict' }),
      usage_event_id: late.usage_event_id,
    };
    const answer = await post({ events: [late, onTime, late] });
    expect(answer.body.results.map((r: { status: string }) => r.status)).toEqual([
      'conflict',
      'accepted',
      'conflict',
    ]);
  });

  it('is 422 with the same body where nothing was accepted or known', async () => {
    const answer = await post({ events: [event({ meter: 'nobody' }), event({ quantity: 'x' })] });
    expect(answer).toMatchObject({ status: 422, body: { rejected: 2, accepted: 0 } });
    expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
  });

  it('leaves accepted and duplicate out of its results on demand', async () => {
    const known = event();
    const answer = await post(
      { events: [known, known, event({ meter: 'nobody' })] },
      {},
      '?results=problems',
    );
    expect(answer.body).toMatchObject({ accepted: 1, duplicate: 1, rejected: 1 });
    expect(answer.body.results).toHaveLength(1);
    expect(answer.body.results[0].index).toBe(2);
  });

  it('takes 10,000 events and not one more', async () => {
    const events = Array.from({ length: 10_001 }, () => event({ customer_id: 'bulk' }));
    expect(await post({ events })).toMatchObject({ status: 422, body: { code: 'batch_too_long' } });
    const answer = await post({ events: events.slice(1) });
    expect(answer.body).toMatchObject({ accepted: 10_000 });
    const usage = await app.call('GET', '/v1/usage?meter=requests&customer_id=bulk');
    expect(usage.body.data[0]).toMatchObject({ value: '10000', event_count: 10_000 });
  });

  it('is not refused for one event that is nested too deep', async () => {
    const nested = (levels: number) =>
      event({ properties: JSON.parse(`${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`) });
    for (const levels of [8, 100, 900]) {
      const answer = await post({ events: [event(), nested(levels), event()] });
      expect(answer).toMatchObject({ status: 200, body: { accepted: 2, rejected: 1 } });
      expect(answer.body.results[1]).toMatchObject({
        status: 'rejected',
        error: { code: 'nesting_too_deep', pointer: '/events/1' },
      });
    }
    const eight = await post({ events: [event(), nested(7)] });
    expect(eight.body.results[1].error.code).toBe('property_not_scalar');
    for (const body of [nested(8), { events: [event(), nested(1_000)] }]) {
      expect(await post(body)).toMatchObject({ status: 400, body: { code: 'nesting_too_deep' } });
    }
  });

  it('may be a bare array, gzipped or of CloudEvents', async () => {
    const bare = await post([event(), event({ meter: 'nobody' })]);
    expect(bare.body).toMatchObject({ accepted: 1, rejected: 1 });
    expect(bare.body.results[1].error.pointer).toBe('/1/meter');

    const sent = event();
    const zipped = await post(gzipSync(JSON.stringify({ events: [sent] })), {
      'content-encoding': 'gzip',
      'content-type': 'application/json',
    });
    expect(zipped.body.accepted).toBe(1);

    const cloudEvent = {
      specversion: '1.0',
      id: `ce-${++ids}`,
      source: 'svc',
      subject: 'acme',
      type: 'requests',
      time: '2026-04-01T00:00:00Z',
      data: { quantity: '3', region: 'eu' },
      traceparent: 'x',
    };
    const one = await post(cloudEvent, { 'content-type': 'application/cloudevents+json' });
    expect(one.status).toBe(201);
    const many = await post([cloudEvent, { ...cloudEvent, subject: '' }], {
      'content-type': 'application/cloudevents-batch+json',
    });
    expect(many.body).toMatchObject({ duplicate: 1, rejected: 1 });
    expect(many.body.results[1].error.pointer).toBe('/1/subject');
    const unknown = await post(
      [
        { ...cloudEvent, id: 'ce-nothing', type: 'nothing' },
        { ...cloudEvent, id: 'ce-no-data', data: undefined },
      ],
      { 'content-type': 'application/cloudevents-batch+json' },
    );
    const errors = unknown.body.results.map(({ error }: { error: unknown }) => error);
    expect(errors).toMatchObject([
      { code: 'unknown_meter', pointer: '/0/type' },
      { code: 'quantity_required', pointer: '/1/data/quantity' },
    ]);
    const stored = await app.call(
      'GET',
      `/v1/usage-events?usage_event_id=${cloudEvent.id}&source=svc`,
    );
    expect(stored.body.data[0]).toMatchObject({
      customer_id: 'acme',
      meter: 'requests',
      quantity: '3',
      properties: { region: 'eu' },
    });
  });
});

describe('an NDJSON stream', () => {
  it('answers line by line in order and ends with the counts', async () => {
    const lines = Array.from({ length: 2_500 }, () =>
      JSON.stringify(event({ customer_id: 'stream' })),
    );
    lines.splice(1_200, 0, '{"broken');
    lines.push(lines[0]!);
    const answer = await post(lines.join('\n'), { 'content-type': 'application/x-ndjson' });

    const results = answer.text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(results.at(-1)).toEqual({
      done: true,
      accepted: 2_500,
      duplicate: 1,
      conflict: 0,
      rejected: 1,
    });
    expect(results.slice(0, -1).map((r) => r.index)).toEqual([...Array(2_502).keys()]);
    expect(results[1_200]).toMatchObject({ status: 'rejected', error: { code: 'invalid_json' } });
    expect(results[2_501].status).toBe('duplicate');
    const usage = await app.call('GET', '/v1/usage?meter=requests&customer_id=stream');
    expect(usage.body.data[0].value).toBe('2500');
  });
});

describe('a broken stream', () => {
  const headers = { 'content-type': 'application/x-ndjson', 'content-encoding': 'gzip' };
  const lines = (count: number) =>
    Array.from({ length: count }, () => `${JSON.stringify(event())}\n`).join('');

  it.each([
    ['no gzip', Buffer.from('notgzip')],
    ['cut short', gzipSync(lines(2)).subarray(0, -6)],
  ])('that is %s is 400', async (_, body) => {
    const refused = await post(body, headers);
    expect([refused.status, refused.body?.code]).toEqual([400, 'invalid_gzip']);
  });

  it('ends without its last line where the answer had begun', async () => {
    const zipped = gzipSync(lines(20_000), { level: 0 });
    const response = await fetch(`${app.url}/v1/usage-events`, {
      method: 'POST',
      body: zipped.subarray(0, -6),
      headers: { ...headers, authorization: `Bearer ${app.apiKey}` },
    });
    expect(response.status).toBe(200);
    let answer = '';
    const read = async () => {
      const decoder = new TextDecoder();
      for await (const part of response.body!) answer += decoder.decode(part, { stream: true });
    };
    await expect(read()).rejects.toThrow();
    expect(answer).not.toContain('"done"');
  });
});

describe('the list of usage events', () => {
  it('is of one source where one is asked for', async () => {
    await post(event({ source: '/src' }));
    await post(event({ source: '/other' }));
    const sources = async (query: string) => {
      const { body } = await app.call('GET', `/v1/usage-events?limit=1000&${query}`);
      return new Set(body.data.map((each: { source: string }) => each.source));
    };
    expect(await sources('source=/src')).toEqual(new Set(['/src']));
    expect(await sources('source=')).toEqual(new Set(['']));
    expect(await sources('source=/none')).toEqual(new Set());
  });

  it.each(['source', 'usage_event_id', 'customer_id', 'meter'])(
    'is refused with a NUL in %s',
    async (name) => {
      expect((await app.call('GET', `/v1/usage-events?${name}=%00`)).status).toBe(422);
    },
  );

  it('is refused with a cursor that it never gave', async () => {
    const refused = await app.call('GET', '/v1/usage-events?cursor=WyJ4IiwieSJd');
    expect([refused.status, refused.body.code]).toEqual([422, 'invalid_cursor']);
  });
});

describe('an id of 255 characters beyond the BMP', () => {
  it('is repeated in the answer', async () => {
    const id = '\u{1F600}'.repeat(255);
    const recorded = await post(event({ usage_event_id: id }));
    expect(recorded).toMatchObject({ status: 201, body: { usage_event_id: id } });
  });
});

describe('a body of CloudEvents', () => {
  const one = { 'content-type': 'application/cloudevents+json' };
  const batch = { 'content-type': 'application/cloudevents-batch+json' };
  const cloudEvent = () => ({
    specversion: '1.0',
    id: `ce-${++ids}`,
    source: 'svc',
    subject: 'acme',
    type: 'requests',
    data: { quantity: 1 },
  });

  it('is one event, whatever its extensions are called', async () => {
    expect((await post({ ...cloudEvent(), events: 'x' }, one)).status).toBe(201);
    expect((await post({ events: [cloudEvent()] }, one)).status).toBe(422);
  });

  it('is one or an array as its type says', async () => {
    expect((await post([cloudEvent()], one)).status).toBe(400);
    expect((await post(cloudEvent(), batch)).status).toBe(400);
    expect((await post({ events: [cloudEvent()] }, batch)).status).toBe(400);
    expect((await post('null', one)).status).toBe(400);
    expect((await post([cloudEvent()], batch)).body).toMatchObject({ accepted: 1 });
    expect((await post([], batch)).body.code).toBe('batch_empty');
  });
});

describe('the envelope', () => {
  it.each([
    ['text', 'not json', { 'content-type': 'application/json' }, 400],
    ['a number', '7', { 'content-type': 'application/json' }, 400],
    ['events that are no array', '{"events":{}}', {}, 400],
    ['a twice named key', '{"events":[],"events":[]}', {}, 400],
    ['no event', '{"events":[]}', {}, 422],
    ['another type', 'x', { 'content-type': 'text/plain' }, 415],
    [
      'another encoding',
      'x',
      { 'content-encoding': 'br', 'content-type': 'application/json' },
      415,
    ],
    ['too much', `{"events":[${' '.repeat(17 * 1024 * 1024)}]}`, {}, 413],
  ])('with %s is refused as a problem', async (_, body, headers, status) => {
    const refused = await post(body, headers);
    expect(refused.status).toBe(status);
    expect(refused.headers.get('content-type')).toBe('application/problem+json');
    expect(refused.body.code).toBeTruthy();
  });

  it('is not read for a stranger', async () => {
    const refused = await post('not json', { authorization: 'Bearer nobody' });
    expect(refused.status).toBe(401);
  });
});

describe('the database', () => {
  it('holds one registry row, one event and one ledger entry per accepted event', async () => {
    const { rows } = await app.pool.query(
      `SELECT (SELECT count(*) FROM usage_event_key)::int AS keys, (SELECT count(*) FROM usage_event)::int AS events,
              (SELECT count(*) FROM usage_entry)::int AS entries`,
    );
    expect(rows[0].keys).toBe(rows[0].events);
    expect(rows[0].entries).toBe(rows[0].events);
    expect(rows[0].keys).toBeGreaterThan(12_500);
  });
});
