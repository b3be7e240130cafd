import { describe, expect, it } from 'vitest';
import { PushQuery } from '../../src/push/push.query.js';
import { parsePage, type PagedList } from '../../src/database/page.js';
import { PushScene } from './push-scene.js';

const PUSHES: PagedList = { name: 'pushes', key: ['instant', 'text'] };

const NOVEMBER = '2026-11-01T00:00:00Z';

async function pushed(): Promise<PushScene> {
  const scene = await PushScene.open();
  await scene.meter();
  await scene.customer();
  await scene.stripeMeter();
  await scene.period(NOVEMBER, '2026-12-01T00:00:00Z');
  await scene.db.work.query(
    `INSERT INTO customer_identity (tenant_id, identity, customer_no)
     VALUES ($1, 'acme', 1), ($1, 'acme-alias', 1)`,
    [scene.tenantId],
  );
  await scene.now('2026-12-06T12:30:20Z');
  await scene.usage(NOVEMBER, '2026-11-01T09:05:00Z', '0.5');
  await scene.usage(NOVEMBER, '2026-11-10T09:05:00Z', '10');
  await scene.usage(NOVEMBER, '2026-11-10T10:05:00Z', '20');
  await scene.plan(NOVEMBER);
  return scene;
}

describe('the list of pushes', () => {
  it('shows pushes and holds in one shape', async () => {
    await using scene = await pushed();
    await scene.process().sender.send(scene.tenantId);
    const query = new PushQuery(scene.db);
    const { data } = await query.list(scene.tenantId, {}, parsePage(PUSHES, {}));
    const delivered = data.find(({ sequence }) => sequence === 1)!;
    expect(delivered).toEqual({
      identifier: expect.stringMatching(/^co1_/),
      meter: 'calls',
      customer_id: 'acme',
      stripe_customer_id: 'cus_scene',
      period_start: '2026-11-01T00:00:00.000Z',
      sequence: 1,
      kind: 'delta',
      value: '10',
      timestamp: '2026-11-10T09:00:00.000Z',
      status: 'delivered',
      reason: null,
      attempts: 1,
      first_attempt_at: expect.stringMatching(/Z$/),
      last_error: null,
      transitions: [
        { from: null, to: 'pending', reason: null, at: expect.any(String) },
        { from: 'pending', to: 'sending', reason: null, at: expect.any(String) },
        { from: 'sending', to: 'delivered', reason: null, at: expect.any(String) },
      ],
    });
    const held = data.find(({ status }) => status === 'held')!;
    expect(held).toMatchObject({
      reason: 'too_old',
      value: '0.5',
      sequence: 0,
      timestamp: null,
      attempts: 0,
      transitions: [],
    });
    expect(await query.one(scene.tenantId, held.identifier)).toEqual(held);
    expect(await query.one(scene.tenantId, delivered.identifier)).toEqual(delivered);
  });

  it('is filtered by status, customer and meter', async () => {
    await using scene = await pushed();
    const query = new PushQuery(scene.db);
    const values = async (filter: object) => {
      const { data } = await query.list(scene.tenantId, filter, parsePage(PUSHES, {}));
      return data.map(({ value }) => value).toSorted();
    };
    expect(await values({ status: 'held' })).toEqual(['0.5']);
    expect(await values({ status: 'pending' })).toEqual(['10', '20']);
    expect(await values({ customer_id: 'acme-alias', meter: 'calls' })).toEqual([
      '0.5',
      '10',
      '20',
    ]);
    expect(await values({ customer_id: 'nobody' })).toEqual([]);
    expect(await values({ meter: 'nothing' })).toEqual([]);
  });

  it('goes on where the page before ended', async () => {
    await using scene = await pushed();
    const query = new PushQuery(scene.db);
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const page = parsePage(PUSHES, { limit: '1', ...(cursor === null ? {} : { cursor }) });
      const { data, next_cursor } = await query.list(scene.tenantId, {}, page);
      seen.push(...data.map(({ value }) => value));
      cursor = next_cursor;
    } while (cursor !== null);
    expect(seen.toSorted()).toEqual(['0.5', '10', '20']);
  });

  it('knows no push of another name', async () => {
    await using scene = await pushed();
    const query = new PushQuery(scene.db);
    for (const identifier of ['co1_none', 'a\0b']) {
      await expect(query.one(scene.tenantId, identifier)).rejects.toMatchObject({
        code: 'push_not_found',
      });
    }
  });
});
