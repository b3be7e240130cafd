import { Logger } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { PeriodCloser } from '../../src/periods/period-closer.js';
import { PeriodCloseService } from '../../src/periods/period-close.service.js';
import { startTestApp, type TestApp } from '../support/app.js';

let app: TestApp;
let tenantId: string;
let closes: PeriodCloseService;
let closer: PeriodCloser;

beforeAll(async () => {
  app = await startTestApp();
  await app.call('POST', '/v1/test-clock', { now: '2026-11-15T00:00:00Z' });
  for (const key of ['tokens', 'calls']) {
    await app.call('PUT', `/v1/meters/${key}`, { aggregation: 'sum' });
  }
  const events = ['acme', 'globex'].flatMap((customer_id) =>
    ['tokens', 'calls'].map((meter) => ({
      usage_event_id: `${customer_id}-${meter}`,
      customer_id,
      meter,
      quantity: '1',
      occurred_at: '2026-10-10T00:00:00Z',
    })),
  );
  await app.call('POST', '/v1/usage-events', { events });
  const { rows } = await app.pool.query<{ id: string }>('SELECT tenant_id AS id FROM tenant');
  tenantId = rows[0]!.id;
  closes = app.app.get(PeriodCloseService);
  closer = app.app.get(PeriodCloser);
});
afterAll(() => app[Symbol.asyncDispose]());
afterEach(() => {
  vi.restoreAllMocks();
});

describe('a close', () => {
  it('is of what it names: a customer, a meter, both or all, up to an instant', async () => {
    const due = async (request: object) => (await closes.rehearse(tenantId, request)).closed;
    expect(await due({})).toBe(4);
    expect(await due({ customer_id: 'acme' })).toBe(2);
    expect(await due({ meter: 'calls' })).toBe(2);
    expect(await due({ customer_id: 'acme', meter: 'calls' })).toBe(1);
    expect(await due({ as_of: '2026-10-31T23:59:59.999999Z' })).toBe(0);
    expect(await due({ as_of: '2026-11-01T00:00:00Z', meter: undefined })).toBe(4);
  });

  it('that is rehearsed has no id and closes nothing', async () => {
    expect(await closes.close(tenantId, { dry_run: true, as_of: '2026-11-01T00:00:00Z' })).toEqual({
      id: null,
      status: 'dry_run',
      as_of: '2026-11-01T00:00:00.000Z',
      dry_run: true,
      progress: { due: 4, closed: 0 },
      closed: 4,
      already_closed: 0,
      pushes: 4,
      closed_at: null,
    });
    const { rows } = await app.pool.query('SELECT FROM period_close');
    expect(rows).toEqual([]);
  });

  it('is refused where its instant, customer or meter is none', async () => {
    await expect(closes.close(tenantId, { as_of: 'yesterday' })).rejects.toMatchObject({
      errors: [
        {
          pointer: '/as_of',
          code: 'invalid',
          detail: 'as_of must be an RFC 3339 time with an offset',
        },
      ],
    });
    await expect(closes.close(tenantId, { customer_id: 'nobody' })).rejects.toMatchObject({
      code: 'customer_not_found',
    });
    await expect(closes.close(tenantId, { meter: 'nothing' })).rejects.toMatchObject({
      code: 'meter_not_found',
    });
  });

  it.each([['no-uuid'], ['00000000-0000-4000-8000-000000000000'], ['x'.repeat(36)]])(
    'that nobody made is not found: %s',
    async (id) => {
      await expect(closes.get(tenantId, id)).rejects.toMatchObject({
        code: 'period_close_not_found',
        message: expect.stringContaining('no period close has this id'),
      });
    },
  );

  it('that is interrupted fails and says so, and goes on from its mark', async () => {
    const logged = vi.spyOn(Logger.prototype, 'error').mockReturnValue();
    const broken = new Error('gone');
    vi.spyOn(closer, 'finish').mockRejectedValueOnce(broken);
    await expect(closes.close(tenantId, { customer_id: 'acme' })).rejects.toBe(broken);
    const { rows } = await app.pool.query<{ id: string }>(
      'SELECT period_close_id AS id FROM period_close WHERE finished_at IS NULL',
    );
    expect(logged.mock.calls).toEqual([[broken, `close ${rows[0]!.id} was interrupted`]]);
    expect((await closes.get(tenantId, rows[0]!.id)).status).toBe('running');
    await closes.resume(tenantId, () => false);
    expect(await closes.get(tenantId, rows[0]!.id.toUpperCase())).toMatchObject({
      status: 'finished',
      closed: 2,
    });
  });

  it('that takes long is answered after 25 seconds, and goes on', async () => {
    vi.spyOn(closer, 'finish').mockReturnValueOnce(new Promise<void>(() => undefined));
    const wait = globalThis.setTimeout;
    // The one that it waits with passes at once.
    const waited = vi
      .spyOn(globalThis, 'setTimeout')
      .mockImplementation(((then: () => void, ms: number) =>
        wait(then, ms === 25_000 ? 1 : ms)) as never);
    const answer = await closes.close(tenantId, { customer_id: 'globex' });
    expect(answer.status).toBe('running');
    expect(waited.mock.calls.filter(([, ms]) => ms === 25_000)).toHaveLength(1);
    waited.mockRestore();
    await closes.resume(tenantId, () => false);
    expect(await closes.rehearse(tenantId, {})).toMatchObject({ closed: 0, already_closed: 4 });
  });
});
