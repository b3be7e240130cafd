import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exported } from '../evidence/evidence-scene.js';
import { CUSTOMERS, type History } from '../replay/history.js';
import { removeFolder, temporaryFolder } from '../support/temporary-folder.js';
import { openOldHistory, retain } from './retention-scene.js';

const CUSTOMER = CUSTOMERS[0];
let folder: string;

beforeAll(() => {
  folder = temporaryFolder();
});

afterAll(() => {
  removeFolder(folder);
});

/** The values that stand in checkpoints of a customer, or of all others. */
async function dimensionsOf(history: History, isOther: boolean): Promise<string[]> {
  const { rows } = await history.app.pool.query<{ value: string }>(
    `SELECT DISTINCT d.value
       FROM (SELECT customer_no, dimensions FROM usage_checkpoint UNION ALL
             SELECT customer_no, dimensions FROM usage_checkpoint_member) g
       JOIN customer c USING (customer_no), json_array_elements_text(g.dimensions::json) AS d (value)
      WHERE (c.customer_id LIKE 'c-_' AND c.customer_id <> $1) = $2 ORDER BY 1`,
    [CUSTOMER, isOther],
  );
  return rows.map(({ value }) => value);
}

describe('once months have left', () => {
  it('an erasure takes the texts out of what they came to, which holds as before', async () => {
    await using history = await openOldHistory();
    await retain(history);
    expect(await dimensionsOf(history, false)).toEqual(['eu', 'us']);
    const erased = await history.app.call('POST', `/v1/customers/${CUSTOMER}/erasures`, {
      reason: 'it was asked for',
    });
    expect(erased.body).toMatchObject({ status: 'finished' });
    const pseudonym = expect.stringMatching(/^erased_[0-9a-f]{24}$/);
    expect(await dimensionsOf(history, false)).toEqual([pseudonym, pseudonym]);
    expect(await dimensionsOf(history, true)).toEqual(['eu', 'us']);
    expect((await history.replay()).differences).toEqual([]);
  }, 300_000);

  it('there is no evidence of a period whose entries are gone, and that is said', async () => {
    await using history = await openOldHistory();
    const { databaseUrl } = history.app;
    const path = join(folder, 'evidence.ndjson');
    expect((await exported(databaseUrl, path, { customer: CUSTOMER })).length).toBeGreaterThan(0);
    await retain(history);
    await expect(
      exported(databaseUrl, join(folder, 'gone.ndjson'), { customer: CUSTOMER }),
    ).rejects.toMatchObject({ code: 'ledger_month_missing' });
  }, 300_000);

  it('a customer whose usage is gone cannot be given other periods, and keeps those it has', async () => {
    await using history = await openOldHistory();
    await retain(history);
    const path = '/v1/customers/of-late';
    const moved = (interval: string) =>
      history.app.call('PUT', path, { billing_period: { interval } });
    const { body } = await history.app.call('POST', '/v1/usage-events', {
      usage_event_id: 'of-late',
      customer_id: 'of-late',
      meter: 'total',
      quantity: '1',
    });
    expect(body.accepted).toBe(1);
    expect((await moved('week')).status).toBe(200);
    // As where it had usage before that no closed period bills.
    const taken = await history.damage(
      `UPDATE usage_checkpoint g SET customer_no = late.customer_no
         FROM customer late, customer c
        WHERE late.customer_id = 'of-late' AND c.customer_id = '${CUSTOMER}'
          AND g.customer_no = c.customer_no`,
    );
    expect(taken).toBeGreaterThan(0);
    const before = (await history.app.call('GET', path)).body;
    expect(await moved('day')).toMatchObject({
      status: 409,
      body: { code: 'ledger_month_missing' },
    });
    expect((await history.app.call('GET', path)).body).toEqual(before);
  }, 300_000);
});
