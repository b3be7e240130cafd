import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../commands/cli.js';
import { removeFolder, temporaryFolder } from '../support/temporary-folder.js';
import { quarantineScene, usageEvent } from './quarantine-scene.js';

let folder: string;
beforeAll(() => void (folder = temporaryFolder()));
afterAll(() => removeFolder(folder));

describe('an import', () => {
  it('leaves what it could not record in quarantine, whence it is replayed as the import meant it', async () => {
    await using scene = await quarantineScene();
    const importing = (name: string, content: string, ...options: string[]) => {
      const path = join(folder, name);
      writeFileSync(path, content);
      const env = { DATABASE_URL: scene.databaseUrl };
      return runCli(['import', path, '--json', ...options], env);
    };
    const occurred_at = '2026-01-05T00:00:00Z';
    const lines = ['billed', 'other'].map((id) =>
      JSON.stringify(usageEvent(id, { meter: 'calls', occurred_at })),
    );
    const ndjson = await importing('new.ndjson', `${lines.join('\n')}\n{"no": "id"}`);
    expect(ndjson.json).toMatchObject({ accepted: 0, rejected: 3 });
    const csv = `usage_event_id,customer_id,meter,quantity,occurred_at
past,acme,calls,7,${occurred_at}`;
    expect((await importing('old.csv', csv, '--historical')).json.rejected).toBe(1);

    const listed = await scene.listed('?code=unknown_meter');
    expect(listed.map((event) => [event.usage_event_id, event.historical]).toSorted()).toEqual([
      ['billed', false],
      ['other', false],
      ['past', true],
    ]);
    await scene.call('PUT', '/v1/meters/calls', { aggregation: 'sum' });
    expect((await scene.replay()).body).toMatchObject({ accepted: 3, remaining: 0 });
    const { rows } = await scene.pool.query(
      `SELECT u.usage_event_id AS id, e.billable FROM usage_entry e
         JOIN usage_event u USING (tenant_id, event_key) ORDER BY 1`,
    );
    expect(rows).toEqual([
      { id: 'billed', billable: true },
      { id: 'other', billable: true },
      { id: 'past', billable: false },
    ]);
  });
});
