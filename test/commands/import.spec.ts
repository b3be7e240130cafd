import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestApp, type TestApp } from '../support/app.js';
import { removeFolder, temporaryFolder } from '../support/temporary-folder.js';
import { runCli, startCli } from './cli.js';

let folder: string;
beforeAll(() => void (folder = temporaryFolder()));
afterAll(() => removeFolder(folder));

function fileOf(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

function event(n: number, more: Record<string, unknown> = {}): string {
  return JSON.stringify({
    usage_event_id: `e-${n}`,
    customer_id: `c-${n % 7}`,
    meter: 'tokens',
    quantity: `${n % 10}.5`,
    occurred_at: new Date(Date.UTC(2026, 0, 1) + n * 1_000).toISOString(),
    ...more,
  });
}

function eventFile(name: string, count: number): string {
  return fileOf(name, Array.from({ length: count }, (_, n) => event(n)).join('\n'));
}

async function appWithMeter(): Promise<TestApp> {
  const app = await startTestApp();
  await app.call('PUT', '/v1/meters/tokens', { aggregation: 'sum' });
  return app;
}

function importing(app: TestApp, file: string, ...options: string[]) {
  return runCli(['import', file, '--json', ...options], { DATABASE_URL: app.databaseUrl });
}

async function recorded(app: TestApp): Promise<number> {
  return Number((await app.pool.query('SELECT count(*) FROM usage_event')).rows[0].count);
}

/** Value and number of events by customer, as the ledger and as the totals have them. */
async function totals(app: TestApp) {
  const { body } = await app.call('GET', '/v1/usage?meter=tokens&window=total');
  const { rows } = await app.pool.query(
    `SELECT trim_scale(sum(quantity))::text AS value, count(*)::int AS event_count
       FROM usage_entry GROUP BY customer_no ORDER BY customer_no`,
  );
  return { totals: body.data, ledger: rows };
}

describe('import', () => {
  it('records a file once, however often it is imported', async () => {
    await using app = await appWithMeter();
    const file = eventFile('once.ndjson', 2_500);
    const first = await importing(app, file);
    expect(first.json).toMatchObject({ done: true, events: 2_500, accepted: 2_500 });
    const before = await totals(app);
    expect(before.totals).toHaveLength(7);

    const second = await importing(app, file);
    expect(second.json).toMatchObject({ accepted: 0, duplicate: 2_500, conflict: 0, rejected: 0 });
    expect([first.code, second.code]).toEqual([0, 0]);
    expect(await totals(app)).toEqual(before);
  });

  it('reads gzip, whatever the file is called, and stdin', async () => {
    await using app = await appWithMeter();
    const lines = gzipSync(`${event(1)}\r\n\r\n${event(2)}\n`);
    expect((await importing(app, fileOf('plain-name', lines))).json.accepted).toBe(2);
    const env = { DATABASE_URL: app.databaseUrl };
    const piped = await runCli(['import', '-', '--json'], env, lines);
    expect(piped.json).toMatchObject({ duplicate: 2, file: '-' });
    const empty = await runCli(['import', '-', '--json'], env, '');
    expect([empty.code, empty.json.events]).toEqual([0, 0]);
  });

  it('tells a gzip that breaks off, and has recorded what came before', async () => {
    await using app = await appWithMeter();
    const lines = Array.from({ length: 3_000 }, (_, n) => event(n)).join('\n');
    const cut = gzipSync(lines).subarray(0, -2_000);
    const { code, json } = await importing(app, fileOf('cut.ndjson.gz', cut));
    expect([code, json.error.code]).toEqual([1, 'invalid_gzip']);
    const whole = await importing(app, fileOf('whole.ndjson.gz', gzipSync(lines)));
    expect(whole.json.accepted + whole.json.duplicate).toBe(3_000);
  });

  it('reports bad lines by their number and records their neighbours', async () => {
    await using app = await appWithMeter();
    const lines = [
      event(1),
      '{"usage_event_id":',
      '',
      event(2, { properties: { note: 'x'.repeat(70_000) } }),
      event(3),
      event(4, { quantity: 'many' }),
      event(1, { quantity: '7' }),
      event(5),
    ];
    const file = fileOf('bad.ndjson', lines.join('\n'));
    const { code, json } = await importing(app, file);
    expect(code).toBe(1);
    expect(json).toMatchObject({ accepted: 3, duplicate: 0, conflict: 1, rejected: 3 });
    expect(json.problems.map((p: any) => [p.line, p.status, p.error.code])).toEqual([
      [2, 'rejected', 'invalid_json'],
      [4, 'rejected', 'line_too_long'],
      [6, 'rejected', 'quantity_invalid'],
      [7, 'conflict', 'usage_event_conflict'],
    ]);

    const problems = join(folder, 'problems.ndjson');
    await importing(app, file, '--problems', problems);
    const kept = readFileSync(problems, 'utf8').trim().split('\n');
    expect(kept.map((line) => JSON.parse(line))).toEqual(json.problems);
  });

  it('lets the first of two events with one id win, however far apart they stand', async () => {
    await using app = await appWithMeter();
    const lines = Array.from({ length: 3_500 }, (_, n) => event(n));
    lines[0] = event(0, { quantity: '1' });
    lines.push(event(0, { quantity: '2' }));
    lines.splice(1_001, 0, event(0, { quantity: '3' }));
    const { json } = await importing(app, fileOf('copies.ndjson', lines.join('\n')));
    expect(json).toMatchObject({ accepted: 3_500, conflict: 2 });
    expect(json.problems.map((p: any) => p.line)).toEqual([1_002, 3_502]);
  });

  it('says how to make the meters that are missing, and makes them if asked', async () => {
    await using app = await startTestApp();
    const file = fileOf('meters.ndjson', [event(1), event(2, { meter: 'seats' })].join('\n'));
    const env = { DATABASE_URL: app.databaseUrl };
    const refused = await runCli(['import', file], env);
    expect(refused.code).toBe(1);
    expect(refused.stdout).toMatch(/tokens, seats.*--create-meters/s);

    const made = await importing(app, file, '--create-meters');
    expect(made.json).toMatchObject({ accepted: 2, meters_created: ['tokens', 'seats'] });
    const { body } = await app.call('GET', '/v1/meters/seats');
    expect(body.aggregation).toBe('sum');
  });

  it('leaves a meter that was archived alone', async () => {
    await using app = await appWithMeter();
    await app.call('DELETE', '/v1/meters/tokens');
    const { json } = await importing(app, fileOf('one.ndjson', event(1)), '--create-meters');
    expect(json).toMatchObject({ rejected: 1, meters_created: [] });
  });

  it('records history that is shown and never billed', async () => {
    await using app = await appWithMeter();
    const { json } = await importing(app, eventFile('history.ndjson', 70), '--historical');
    expect(json.accepted).toBe(70);
    const { rows } = await app.pool.query('SELECT DISTINCT billable FROM usage_entry');
    expect(rows).toEqual([{ billable: false }]);
    const close = await app.call('POST', '/v1/period-closes', {});
    expect(close.body.closed).toBe(0);
    expect((await totals(app)).totals).toHaveLength(7);
  });

  it('ends up with the same totals when it was killed half-way and run again', async () => {
    await using app = await appWithMeter();
    await using undisturbed = await appWithMeter();
    const file = eventFile('killed.ndjson', 30_000);
    const run = await startCli(['import', file], { DATABASE_URL: app.databaseUrl });
    while ((await recorded(app)) < 5_000) continue;
    run.process.kill('SIGKILL');
    expect((await run.ended).code).toBeNull();
    const before = await recorded(app);
    expect(before).toBeLessThan(30_000);

    const { json } = await importing(app, file);
    expect(json).toMatchObject({ accepted: 30_000 - json.duplicate, conflict: 0, rejected: 0 });
    expect(json.duplicate).toBeGreaterThanOrEqual(before);
    await importing(undisturbed, file);
    expect(await totals(app)).toEqual(await totals(undisturbed));
  });

  it('stops at Ctrl-C after what is in flight, and goes on when it is run again', async () => {
    await using app = await appWithMeter();
    const file = eventFile('stopped.ndjson', 30_000);
    const env = { DATABASE_URL: app.databaseUrl };
    const run = await startCli(['import', file, '--json'], env);
    while ((await recorded(app)) < 3_000) continue;
    run.process.kill('SIGINT');
    const stopped = await run.ended;
    expect([stopped.code, stopped.stderr]).toEqual([130, '']);
    expect(stopped.json).toMatchObject({ done: false, conflict: 0, rejected: 0 });
    expect(stopped.json.accepted).toBe(await recorded(app));

    const { json } = await importing(app, file);
    expect(json.duplicate).toBe(stopped.json.accepted);
    expect(json.accepted).toBe(30_000 - stopped.json.accepted);
  });
});

describe('import of CSV', () => {
  it('takes columns for fields and for properties', async () => {
    await using app = await startTestApp();
    await app.call('PUT', '/v1/meters/tokens', { aggregation: 'sum', dimensions: ['region'] });
    const rows = [
      '\ufeffusage_event_id,customer_id,meter,quantity,occurred_at,properties.region,properties.note',
      'a,c-1,tokens,1.5,2026-01-01T00:00:00Z,eu,"two\nlines, one cell"',
      'b,c-1,tokens,2.25,2026-01-01T00:00:00Z,us,',
      '',
      'a,c-1,tokens,1.5,2026-01-01T00:00:00Z,eu,"two\nlines, one cell"',
    ];
    for (const [name, content] of [
      ['usage.csv', rows.join('\r\n')],
      ['usage.csv.gz', gzipSync(rows.join('\n'))],
    ] as const) {
      const { code, json } = await importing(app, fileOf(name, content));
      expect([code, json.accepted + json.duplicate]).toEqual([0, 3]);
    }
    const { body } = await app.call('GET', '/v1/usage?meter=tokens&window=total&group_by=region');
    expect(body.data.map((row: any) => [row.group.region, row.value])).toEqual([
      ['eu', '1.5'],
      ['us', '2.25'],
    ]);
    const { body: recordedAs } = await app.call('GET', '/v1/usage-events/b');
    expect(recordedAs.properties).toEqual({ region: 'us' });
  });

  it('reports bad rows by their line and records their neighbours', async () => {
    await using app = await appWithMeter();
    const rows = [
      Buffer.from('usage_event_id,customer_id,meter,quantity'),
      Buffer.from('a,c-1,tokens,1'),
      Buffer.from('b,c-1,tokens'),
      Buffer.concat([Buffer.from('c,c-'), Buffer.from([0xff]), Buffer.from(',tokens,1')]),
      Buffer.from('"d",c-1,tokens,1,2'),
      Buffer.from('e,,tokens,1'),
      Buffer.from('f,c-1,tokens,1'),
    ];
    const content = Buffer.concat(rows.flatMap((row) => [row, Buffer.from('\n')]));
    const { code, json } = await importing(app, fileOf('bad.csv', content));
    expect(code).toBe(1);
    expect(json).toMatchObject({ accepted: 2, rejected: 4 });
    expect(json.problems.map((p: any) => [p.line, p.error.code])).toEqual([
      [3, 'invalid_csv'],
      [4, 'invalid_utf8'],
      [5, 'invalid_csv'],
      [6, 'too_short'],
    ]);
  });

  it.each([
    ['an unknown column', 'usage_event_id,customer_id,meter,amount\na,b,c,1'],
    ['a missing column', 'usage_event_id,meter\na,b'],
    ['a column that stands twice', 'usage_event_id,customer_id,meter,meter\na,b,c,c'],
    ['another separator', 'usage_event_id;customer_id;meter\na;b;c'],
  ])('refuses %s', async (_, content) => {
    await using app = await appWithMeter();
    const { code, json } = await importing(app, fileOf('columns.csv', content));
    expect([code, json.error.code]).toEqual([1, 'invalid_csv_header']);
  });

  it.each([
    ['never closed', `a,"c-1,tokens,1\n${'b,c-1,tokens,1\n'.repeat(10)}`],
    ['closed too far away', `a,"${'x,'.repeat(60_000)}",tokens,1\n`],
    ['closed too early', 'a,"c"-1,tokens,1\nb,c-1,tokens,1'],
  ])('stops where a quote is %s, and records no row that it may have misread', async (_, rows) => {
    await using app = await appWithMeter();
    const content = `usage_event_id,customer_id,meter,quantity\n${rows}`;
    const { code, json } = await importing(app, fileOf('quote.csv', content));
    expect([code, json.error.code]).toEqual([1, 'invalid_csv']);
    expect(json.error.message).toMatch(/line \d/);
    expect(await recorded(app)).toBe(0);
  });
});
