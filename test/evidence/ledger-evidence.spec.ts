import { join } from 'node:path';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { verifyEvidence } from '../../src/commands/verification/verification.js';
import { CUSTOMERS, History } from '../replay/history.js';
import { removeFolder, temporaryFolder } from '../support/temporary-folder.js';
import { exported, wrongOf } from './evidence-scene.js';

let history: History;
let folder: string;

beforeAll(async () => {
  folder = temporaryFolder();
  history = await History.open();
});
afterAll(async () => {
  await history[Symbol.asyncDispose]();
  removeFolder(folder);
});

describe('evidence of a random history', () => {
  it('verifies for every aggregation, late usage, amendments and voids, and says what the API says', async () => {
    for (let round = 0; round < 4; round++) {
      await history.happen(14);
      if (round === 2) await closeAll();
      await history.send(30, 60);
      await voidSome(6);
      for (const customer of CUSTOMERS) {
        const path = join(folder, `${customer}-${round}.ndjson`);
        const lines = await exported(history.app.databaseUrl, path, { customer });
        const verification = await verifyEvidence(path);
        expect(
          wrongOf(verification),
          JSON.stringify({ seed: history.random.seed, verification }),
        ).toEqual([]);
        expect(verification.entries).toBe(lines.filter(({ type }) => type === 'entry').length);
        const { body } = await history.app.call(
          'GET',
          `/v1/customers/${customer}/billing-periods?limit=1000`,
        );
        const statements = lines.filter(({ type }) => type === 'statement');
        expect(statements.map(({ value, digest }) => ({ value, digest }))).toEqual(
          body.data.map(({ value, digest }: any) => ({ value, digest })),
        );
      }
    }
    const whole = CUSTOMERS.map((customer) =>
      readFileSync(join(folder, `${customer}-3.ndjson`), 'utf8'),
    ).join('');
    // Or the round has shown nothing.
    expect(whole).toContain('"is_void":true');
    expect(whole).toContain('"late":true');
    expect(whole).toContain('"type":"amendment"');
    for (const aggregation of ['sum', 'count', 'max', 'last', 'unique_count']) {
      expect(whole).toContain(`"aggregation":"${aggregation}"`);
    }
  });
});

/** What is sent for February from now on is late. */
async function closeAll(): Promise<void> {
  await history.app.call('POST', '/v1/test-clock', { now: '2026-03-29T00:00:00Z' });
  await history.close();
}

async function voidSome(count: number): Promise<void> {
  const { rows } = await history.app.pool.query<{ id: string }>(
    'SELECT usage_event_id AS id FROM usage_event ORDER BY md5(usage_event_id) LIMIT $1',
    [count],
  );
  for (const { id } of rows) {
    await history.app.call('POST', '/v1/usage-events/void', {
      usage_event_id: id,
      reason: 'sent by mistake',
    });
  }
}
