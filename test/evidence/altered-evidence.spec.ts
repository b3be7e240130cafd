import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { readFileSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { verifyEvidence } from '../../src/commands/verification/verification.js';
import { startTestApp, type TestApp } from '../support/app.js';
import { removeFolder, temporaryFolder } from '../support/temporary-folder.js';
import { exported, sealed, verified, wrongOf, type Line } from './evidence-scene.js';

const JANUARY = '2026-01-01T00:00:00.000Z';

let app: TestApp;
let folder: string;
let text: string;
let lines: Line[];

beforeAll(async () => {
  folder = temporaryFolder();
  app = await startTestApp();
  await app.call('POST', '/v1/test-clock', { now: '2026-01-20T00:00:00Z' });
  for (const [key, body] of Object.entries({
    total: { aggregation: 'sum', late_usage: 'amend' },
    peak: { aggregation: 'max', event_types: ['total'] },
    users: { aggregation: 'unique_count', unique_property: 'user', event_types: ['total'] },
  })) {
    await app.call('PUT', `/v1/meters/${key}`, body);
  }
  await app.call('PUT', '/v1/customers/acme', { name: 'Acme' });
  await send(['a', '10.5'], ['b', '2'], ['c', '7'], ['d', '0.000000000001']);
  await voided('c');
  await app.call('POST', '/v1/test-clock', { now: '2026-02-02T00:00:00Z' });
  await app.call('POST', '/v1/period-closes', {});
  await send(['e', '40']);
  await voided('a');
  lines = await exported(app.databaseUrl, join(folder, 'acme.ndjson'), { customer: 'acme' });
  text = readFileSync(join(folder, 'acme.ndjson'), 'utf8');
});
afterAll(async () => {
  await app[Symbol.asyncDispose]();
  removeFolder(folder);
});

async function send(...events: [id: string, quantity: string][]): Promise<void> {
  await app.call('POST', '/v1/usage-events', {
    events: events.map(([usage_event_id, quantity], i) => ({
      usage_event_id,
      quantity,
      customer_id: 'acme',
      meter: 'total',
      occurred_at: `2026-01-1${i}T00:00:00Z`,
      properties: { user: `u-${i % 2}` },
    })),
  });
}

async function voided(id: string): Promise<void> {
  await app.call('POST', '/v1/usage-events/void', { usage_event_id: id, reason: 'a mistake' });
}

const of = (type: string, meter = 'total') =>
  lines.filter((line) => line.type === type && line.meter === meter);

/** What a verification finds of the lines, altered and made to look whole. */
const wrong = async (alter: (line: Line) => Line | readonly Line[]) =>
  wrongOf(await verified(folder, sealed(lines.flatMap(alter))));
const only = (line: Line | undefined, change: Partial<Line>) => (each: Line) =>
  each === line ? { ...each, ...change } : each;

describe('a file of evidence as it was written', () => {
  it('agrees with itself, and holds the statement, its amendment, voids and audit entries', async () => {
    expect(wrongOf(await verifyEvidence(join(folder, 'acme.ndjson')))).toEqual([]);
    expect(sealed(lines)).toBe(text);
    expect(of('statement')[0]).toMatchObject({ period_start: JANUARY, value: '12.500000000001' });
    expect(of('amendment')).toMatchObject([{ revision: 1, value: '29.5' }]);
    expect(
      of('entry')
        .map(({ usage_event_id, is_void }) => [usage_event_id, is_void])
        .sort(),
    ).toEqual([
      ['a', false],
      ['a', true],
      ['b', false],
      ['c', false],
      ['c', true],
      ['d', false],
      ['e', false],
    ]);
    expect(lines.filter(({ type }) => type === 'audit_entry').map(({ action }) => action)).toEqual(
      expect.arrayContaining([
        'customer.created',
        'meter.created',
        'period.closed',
        'usage_event.voided',
      ]),
    );
  });

  it('has the properties of events only where they are asked for', async () => {
    expect(text).not.toContain('u-1');
    const path = join(folder, 'with.ndjson');
    await exported(app.databaseUrl, path, { customer: 'acme', withProperties: true });
    expect(readFileSync(path, 'utf8')).toContain('"properties":{"user":"u-1"}');
  });
});

describe('a file that was altered', () => {
  it('is told, whichever character is another', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(text.length - 1),
        fc.constantFrom(' ', '0', '}', '\n'),
        async (at, other) => {
          fc.pre(text[at] !== other);
          expect(await isFound(text.slice(0, at) + other + text.slice(at + 1))).toBe(true);
        },
      ),
      { numRuns: 150 },
    );
  });

  it('is told, whichever line is gone, stands twice or elsewhere, or comes in', async () => {
    const all = text.split('\n').slice(0, -1);
    const joined = (changed: readonly string[]) => changed.map((line) => `${line}\n`).join('');
    await fc.assert(
      fc.asyncProperty(fc.nat(all.length - 1), fc.nat(all.length - 1), async (a, b) => {
        expect(await isFound(joined(all.toSpliced(a, 1)))).toBe(true);
        expect(await isFound(joined(all.toSpliced(b, 0, all[a]!)))).toBe(true);
        if (a !== b)
          expect(await isFound(joined(all.with(a, all[b]!).with(b, all[a]!)))).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it('is told, wherever it was cut off', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(text.length - 1), async (length) => {
        expect(await isFound(text.slice(0, length))).toBe(true);
      }),
      { numRuns: 80 },
    );
  });

  it('is told where something stands after its end', async () => {
    expect(await isFound(`${text}\n`)).toBe(true);
    expect(await isFound(text + text)).toBe(true);
  });
});

/** Whether a verification finds the alteration, or refuses the file. */
async function isFound(altered: string): Promise<boolean> {
  try {
    return !(await verified(folder, altered)).ok;
  } catch (error) {
    expect(error).toMatchObject({ code: 'not_an_export' });
    return true;
  }
}

describe('a file that was altered and made to look whole', () => {
  it('tells another quantity', async () => {
    const [entry] = of('entry').filter(({ usage_event_id }) => usage_event_id === 'b');
    expect(await wrong(only(entry, { quantity: '3' }))).toEqual(['value', 'digest']);
  });

  it.each(['a', 'b', 'd', 'e'])('tells that the entry %s is gone', async (id) => {
    const gone = of('entry').find((line) => line['usage_event_id'] === id && !line['is_void']);
    expect(await wrong((line) => (line === gone ? [] : line))).toContain('digest');
  });

  it('tells an entry that was added, or stands twice', async () => {
    const [entry] = of('entry');
    const added = { ...entry, event_key: 'ffffffff-ffff-8fff-bfff-ffffffffffff' };
    const last = of('entry').at(-1);
    expect(await wrong((line) => (line === last ? [line, added] : line))).toContain('digest');
    expect(await wrong((line) => (line === entry ? [line, line] : line))).toContain('order');
  });

  it('tells entries in another order', async () => {
    const [first, second] = of('entry');
    const swap = (line: Line) => (line === first ? second! : line === second ? first! : line);
    expect(await wrong(swap)).toEqual(['order']);
  });

  it('tells an entry that was made a void, or is not to be billed', async () => {
    const [entry] = of('entry').filter(({ usage_event_id }) => usage_event_id === 'b');
    expect(await wrong(only(entry, { is_void: true }))).toContain('digest');
    expect(await wrong(only(entry, { billable: false }))).toContain('digest');
  });

  it.each(['total', 'peak', 'users'])(
    'tells another value or digest in the statement of %s',
    async (meter) => {
      const [statement] = of('statement', meter);
      expect(await wrong(only(statement, { value: '99' }))).toContain('value');
      expect(await wrong(only(statement, { digest: '0'.repeat(64) }))).toEqual(['digest']);
      expect(await wrong(only(statement, { event_count: 99 }))).toEqual(['event_count']);
      expect(await wrong(only(statement, { amended_value: '99' }))).toEqual(['amended_value']);
      expect(await wrong(only(statement, { pending_value: '99' }))).toEqual(['parts']);
    },
  );

  it('tells another value or digest in an amendment, and one that is gone', async () => {
    const [amendment] = of('amendment');
    expect(await wrong(only(amendment, { value: '30.5' }))).toEqual(
      expect.arrayContaining(['value', 'amended_value']),
    );
    expect(await wrong(only(amendment, { digest: '0'.repeat(64) }))).toEqual(['digest']);
    expect(await wrong((line) => (line === amendment ? [] : line))).toContain('order');
  });

  it('tells a statement that is gone, or stands twice', async () => {
    const gone = (line: Line) => line.meter === 'peak' && line.type !== 'header';
    expect(await wrong((line) => (gone(line) ? [] : line))).toEqual(['readable']);
    const [statement] = of('statement');
    expect(await wrong((line) => (line === statement ? [line, line] : line))).toContain('readable');
  });

  it('tells audit entries with other texts, actors or times', async () => {
    const entry = lines.find((line) => line['action'] === 'usage_event.voided')!;
    for (const change of [
      { reason: 'another' },
      { at: JANUARY },
      { actor: { ...entry['actor'], id: 'x' } },
      { salt: null },
    ]) {
      expect(await wrong(only(entry, change))).toEqual(['audit_entries']);
    }
  });

  it('tells audit entries out of order, or that do not follow the one before', async () => {
    const entries = lines.filter(({ type }) => type === 'audit_entry');
    const [first, second] = entries;
    const swap = (line: Line) => (line === first ? second! : line === second ? first! : line);
    expect(await wrong(swap)).toEqual(['audit_entries']);
    expect(await wrong((line) => (line === first ? [line, line] : line))).toEqual([
      'audit_entries',
    ]);
  });

  it('tells another customer, other meters, and a period that ends before it begins', async () => {
    const [header] = lines;
    const [statement] = of('statement');
    expect(await wrong(only(header, { customer_id: 'other' }))).toContain('readable');
    expect(await wrong(only(header, { meters: ['total'] }))).toEqual(['readable']);
    expect(await wrong(only(statement, { period_end: JANUARY }))).toContain('readable');
  });

  it('tells an entry with the id of another event', async () => {
    const [entry] = of('entry').filter(({ usage_event_id }) => usage_event_id === 'b');
    expect(await wrong(only(entry, { usage_event_id: 'z' }))).toEqual(['order']);
  });

  it('says what to compare, and is held against the SHA-256 that was noted', async () => {
    const path = join(folder, 'acme.ndjson');
    const sha256 = createHash('sha256').update(text).digest('hex');
    const verification = await verifyEvidence(path, sha256.toUpperCase());
    expect(verification).toMatchObject({ ok: true, sha256 });
    const [{ status, value, amended_value, digest }] = of('statement') as [Line];
    const told = { meter: 'total', aggregation: 'sum', status, value, amended_value, digest };
    expect(verification.statements.find(({ meter }) => meter === 'total')).toMatchObject(told);
    expect(wrongOf(await verifyEvidence(path, '0'.repeat(64)))).toEqual(['noted']);
  });

  it('tells lines that lack something, or that nobody knows', async () => {
    const [entry] = of('entry');
    expect(await wrong(only(entry, { quantity: '1e3' }))).toContain('readable');
    expect(await wrong(only(entry, { type: 'remark' }))).toContain('readable');
    const twice = sealed(lines).replace('"quantity":"2"', '"quantity":"2","quantity":"2"');
    writeFileSync(join(folder, 'twice.ndjson'), twice);
    expect(wrongOf(await verifyEvidence(join(folder, 'twice.ndjson')))).toContain('readable');
  });
});
