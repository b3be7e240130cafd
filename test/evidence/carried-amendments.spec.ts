import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { AmendmentTimer } from '../../src/periods/amendment.timer.js';
import { startTestApp, type TestApp } from '../support/app.js';
import { removeFolder, temporaryFolder } from '../support/temporary-folder.js';
import { exported, sealed, verified, wrongOf, type Line } from './evidence-scene.js';

let app: TestApp;
let folder: string;
let lines: Line[];

/** January's value is carried through February and March; all are closed before it is amended. */
beforeAll(async () => {
  folder = temporaryFolder();
  app = await startTestApp();
  await app.call('POST', '/v1/test-clock', { now: '2026-04-02T00:00:00Z' });
  await app.call('PUT', '/v1/meters/level', { aggregation: 'last', carry_last: true });
  await send('first', '7', '2026-01-10T00:00:00Z');
  await app.call('POST', '/v1/period-closes', {});
  await send('late', '9', '2026-01-11T00:00:00Z');
  for (let month = 1; month <= 3; month++) {
    await app.pool.query('UPDATE amendment_due SET due_at = now()');
    await app.app.get(AmendmentTimer).round();
  }
  lines = await exported(app.databaseUrl, join(folder, 'acme.ndjson'), { customer: 'acme' });
});
afterAll(async () => {
  await app[Symbol.asyncDispose]();
  removeFolder(folder);
});

async function send(id: string, quantity: string, at: string): Promise<void> {
  const of = { customer_id: 'acme', meter: 'level', quantity, occurred_at: at };
  await app.call('POST', '/v1/usage-events', { usage_event_id: id, ...of });
}

const isCarried = (line: Line): boolean => line.type === 'amendment' && line['event_count'] === 0;

async function wrongWith(change: Partial<Record<string, unknown>>): Promise<string[]> {
  const [first] = lines.filter(isCarried);
  const altered = lines.map((line) => (line === first ? { ...line, ...change } : line));
  return wrongOf(await verified(folder, sealed(altered)));
}

it('amendments that only carry on are told with what they were made with, and hold', async () => {
  expect(lines.filter(isCarried)).toMatchObject([
    { period_start: '2026-02-01T00:00:00.000Z', carried_last: '9', value: '2', revision: 1 },
    { period_start: '2026-03-01T00:00:00.000Z', carried_last: '9', value: '2', revision: 1 },
  ]);
  const { ok, checks } = await verified(folder, sealed(lines));
  expect(checks.filter((check) => !check.ok)).toEqual([]);
  expect(ok).toBe(true);
  // Statements of February, March and April, and the amendments of two of them.
  expect(checks.filter(({ check }) => check === 'carried_last')).toHaveLength(5);
});

it('an amendment that carries what the period before never came to is found', async () => {
  expect(await wrongWith({ carried_last: '8' })).toEqual(
    expect.arrayContaining(['carried_last', 'value']),
  );
  expect(await wrongWith({ carried_last: '7' })).toContain('value');
  expect(await wrongWith({ digest: '0'.repeat(64) })).toEqual(['digest']);
});
