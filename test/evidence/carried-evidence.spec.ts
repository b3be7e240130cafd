import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { AmendmentTimer } from '../../src/periods/amendment.timer.js';
import { startTestApp, type TestApp } from '../support/app.js';
import { removeFolder, temporaryFolder } from '../support/temporary-folder.js';
import { exported, sealed, verified, wrongOf, type Line } from './evidence-scene.js';

let app: TestApp;
let folder: string;
let lines: Line[];

beforeAll(async () => {
  folder = temporaryFolder();
  app = await startTestApp();
  const clock = (now: string) => app.call('POST', '/v1/test-clock', { now });
  await clock('2026-01-20T00:00:00Z');
  await app.call('PUT', '/v1/meters/level', {
    aggregation: 'last',
    carry_last: true,
    late_usage: 'amend',
  });
  await send('first', '7', '2026-01-10T00:00:00Z');
  await clock('2026-02-02T00:00:00Z');
  await app.call('POST', '/v1/period-closes', {});
  await send('late', '9', '2026-01-11T00:00:00Z');
  await app.pool.query('UPDATE amendment_due SET due_at = now()');
  await app.app.get(AmendmentTimer).round();
  await clock('2026-03-02T00:00:00Z');
  await app.call('POST', '/v1/period-closes', {});
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

const february = () => lines.find((line) => line['period_start'] === '2026-02-01T00:00:00.000Z')!;

/** The file where both periods after January say that this was carried to them. */
async function wrongIf(carried: string): Promise<string[]> {
  const altered = lines.map((line) =>
    line.type === 'statement' && line['carried_last'] !== null ? carrying(line, carried) : line,
  );
  return wrongOf(await verified(folder, sealed(altered)));
}

function carrying(statement: Line, carried: string): Line {
  const values = Object.entries(statement).filter(
    ([name, value]) => name.endsWith('value') && value === statement['value'],
  );
  const change = Object.fromEntries(values.map(([name]) => [name, carried]));
  return { ...statement, ...change, carried_last: carried, carried_in: carried };
}

it('holds what a period carries against what the one before it came to, then or amended', async () => {
  expect(february()).toMatchObject({ type: 'statement', carried_last: '9', event_count: 0 });
  const { ok, checks } = await verified(folder, sealed(lines));
  expect(ok).toBe(true);
  expect(checks.filter(({ check }) => check === 'carried_last')).toHaveLength(2);

  expect(await wrongIf('7')).toEqual([]);
  expect(await wrongIf('8')).toEqual(['carried_last']);
});
