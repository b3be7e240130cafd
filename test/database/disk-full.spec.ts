import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestApp, type TestApp } from '../support/app.js';
import { useServer } from '../support/database.js';
import { canHaveSmallDisk, SmallDiskPostgres } from '../support/small-disk-postgres.js';
import { createTemplate } from '../support/template.js';

const BATCH = 100;
/** Far more than what fits into the pages that a table and the log have left. */
const BATCHES_MAX = 200;

/** A batch of usage events that takes some space. */
const batch = (number: number) =>
  Array.from({ length: BATCH }, (_, n) => ({
    usage_event_id: `${number}-${n}`,
    customer_id: `customer ${n}`,
    meter: 'm',
    quantity: 1,
    occurred_at: '2026-11-10T09:00:00Z',
    properties: { text: 'x'.repeat(500) },
  }));

let server: SmallDiskPostgres;
let app: TestApp;

describe.skipIf(!canHaveSmallDisk())('on a full disk', () => {
  beforeAll(async () => {
    server = await SmallDiskPostgres.start();
    useServer({ url: server.url, template: await createTemplate(server.url) });
    app = await startTestApp();
    await app.call('PUT', '/v1/meters/m', { aggregation: 'sum' });
  });

  afterAll(async () => {
    await app[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  it('events are refused with the time to come again, and nothing acknowledged is lost', async () => {
    const send = (number: number) => app.call('POST', '/v1/usage-events', batch(number));
    expect((await send(0)).body).toMatchObject({ accepted: BATCH });

    await server.fill();
    const refused: number[] = [];
    let last = 0;
    while (refused.length < 3 && last < BATCHES_MAX) {
      const answer = await send(++last);
      if (answer.status === 200) continue;
      refused.push(last);
      expect(answer).toMatchObject({ status: 503, body: { code: 'database_unavailable' } });
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
      expect((await app.call('GET', '/health/ready')).status).toBe(503);
      expect((await app.call('GET', '/health/live')).status).toBe(200);
    }
    expect(refused).toHaveLength(3);

    await server.free();
    for (const number of refused) {
      const { body } = await send(number);
      // One whose answer was lost with the server may have been recorded.
      expect(body.accepted + body.duplicate).toBe(BATCH);
    }
    const sent = (last + 1) * BATCH;
    const { rows } = await app.pool.query('SELECT count(*)::int AS events FROM usage_event');
    expect(rows).toEqual([{ events: sent }]);
    const november = 'from=2026-11-01T00:00:00Z&to=2026-12-01T00:00:00Z';
    const usage = await app.call('GET', `/v1/usage?meter=m&${november}&window=total`);
    const values: { value: string }[] = usage.body.data;
    expect(values.map(({ value }) => Number(value)).reduce((a, b) => a + b)).toBe(sent);
  });

  it('a process is ready again a little later', { timeout: 60_000 }, async () => {
    const ready = async () => (await app.call('GET', '/health/ready')).status;
    await expect.poll(ready, { timeout: 40_000 }).toBe(200);
  });
});
