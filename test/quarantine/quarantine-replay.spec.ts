import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  CLOUD_EVENT,
  NDJSON,
  quarantineScene,
  tallies,
  usageEvent,
  type QuarantineScene,
} from './quarantine-scene.js';

let scene: QuarantineScene;
beforeEach(async () => void (scene = await quarantineScene({ UNKNOWN_CUSTOMER: 'reject' })));
afterEach(() => scene[Symbol.asyncDispose]());

const NOTHING = { accepted: 0, duplicate: 0, conflict: 0, rejected: 0, remaining: 0 };

async function customer(id = 'acme'): Promise<void> {
  await scene.call('PUT', `/v1/customers/${id}`, {});
}

async function valueOf(meter: string): Promise<string | undefined> {
  const { body } = await scene.call('GET', `/v1/usage?meter=${meter}&window=total`);
  return body.data[0]?.value;
}

describe('a replay of the quarantine', () => {
  it('records what was refused for its meter and its customer, once both are there', async () => {
    const events = [usageEvent('m', { meter: 'calls' }), usageEvent('c', { customer_id: 'beta' })];
    await customer();
    await scene.post({ events });
    expect((await scene.replay()).body).toEqual({ ...NOTHING, rejected: 2 });

    await scene.call('PUT', '/v1/meters/calls', { aggregation: 'sum' });
    expect((await scene.replay({ code: 'unknown_meter' })).body).toEqual({
      ...NOTHING,
      accepted: 1,
    });
    await customer('beta');
    const answer = await scene.replay();
    expect([answer.status, answer.body]).toEqual([200, { ...NOTHING, accepted: 1 }]);
    expect(await scene.listed()).toEqual([]);
    expect([await valueOf('calls'), await valueOf('tokens')]).toEqual(['1', '1']);
    expect((await scene.post({ events })).body.duplicate).toBe(2);
    expect((await tallies(scene)).tally).toBeNull();
    expect((await scene.replay()).body).toEqual(NOTHING);
  });

  it('accepts late usage once the meter carries it forward', async () => {
    await customer();
    await scene.call('PUT', '/v1/meters/strict', { aggregation: 'sum', late_usage: 'reject' });
    const early = { meter: 'strict', occurred_at: '2025-03-05T00:00:00Z' };
    await scene.post(usageEvent('in time', early));
    await scene.call('POST', '/v1/period-closes', { as_of: '2025-04-01T00:00:00Z' });
    await scene.post(usageEvent('late', early));
    expect((await scene.replay()).body.rejected).toBe(1);

    await scene.call('PUT', '/v1/meters/strict', { late_usage: 'carry_forward' });
    expect((await scene.replay()).body).toEqual({ ...NOTHING, accepted: 1 });
    const { body } = await scene.call('GET', '/v1/usage-events?late=true');
    expect(body.data.map((event: any) => event.usage_event_id)).toEqual(['late']);
  });

  it('leaves what is still refused where it is, under its newest code and not seen more often', async () => {
    await scene.post(usageEvent('twice wrong', { meter: 'calls' }));
    const [before] = await scene.listed();
    expect(before.errors.map(({ code }: any) => code)).toEqual([
      'unknown_meter',
      'unknown_customer',
    ]);
    await scene.call('PUT', '/v1/meters/calls', { aggregation: 'sum' });
    await scene.replay();

    const [after] = await scene.listed();
    expect(after).toEqual({ ...before, code: 'unknown_customer', errors: [before.errors[1]] });
  });

  it('leaves conflicts, and lets go what was recorded by other means', async () => {
    await customer();
    await scene.post(usageEvent('taken'));
    await scene.post(usageEvent('taken', { quantity: '2' }));
    await scene.post(usageEvent('resent', { meter: 'calls' }));
    await scene.call('PUT', '/v1/meters/calls', { aggregation: 'sum' });
    await scene.post(usageEvent('resent', { meter: 'calls' }));

    expect((await scene.replay()).body).toEqual({ ...NOTHING, duplicate: 1, conflict: 1 });
    expect(await scene.listed()).toMatchObject([{ usage_event_id: 'taken', fields: ['quantity'] }]);
    expect(await valueOf('calls')).toBe('1');
  });

  it('makes a conflict of what another content took the id of meanwhile', async () => {
    await customer();
    await scene.post(usageEvent('raced', { meter: 'calls' }));
    await scene.post(usageEvent('raced'));
    await scene.call('PUT', '/v1/meters/calls', { aggregation: 'sum' });

    expect((await scene.replay()).body).toEqual({ ...NOTHING, conflict: 1 });
    expect(await scene.listed()).toMatchObject([
      { code: 'usage_event_conflict', fields: ['meter'] },
    ]);
  });

  it('goes by the rights of the key that asks for it', async () => {
    await customer();
    const writer = await scene.callerWith(['usage:write']);
    await writer('POST', '/v1/usage-events', usageEvent('back', { quantity: '-5' }));
    expect(await scene.listed()).toMatchObject([{ code: 'scope_required' }]);

    const adjuster = await scene.callerWith(['usage:adjust']);
    const { body } = await adjuster('POST', '/v1/quarantine/replays');
    expect(body).toEqual({ ...NOTHING, accepted: 1 });
    expect(await valueOf('tokens')).toBe('-5');
  });

  it('takes the ones that are named, and refuses a list of none or of nonsense', async () => {
    await scene.post({ events: ['a', 'b', 'c'].map((id) => usageEvent(id)) });
    await customer();
    const ids = (await scene.listed()).map((event) => event.id);

    expect((await scene.replay({ ids: ids.slice(1) })).body).toEqual({ ...NOTHING, accepted: 2 });
    for (const wrong of [{ ids: [] }, { ids: ['x'] }, { ids: null }, { code: 'A\0' }, { all: 1 }]) {
      expect((await scene.replay(wrong)).status).toBe(422);
    }
    const both = { ids: [ids[0]], code: 'unknown_meter' };
    expect((await scene.replay(both)).body).toEqual(NOTHING);
    expect(await scene.listed()).toHaveLength(1);
  });

  it('reads CloudEvents as CloudEvents, and makes no number out of one that was out of range', async () => {
    const cloud = { specversion: '1.0', source: 's', subject: 'acme', type: 'calls' };
    const counted = JSON.stringify({ ...cloud, id: 'beyond', data: { quantity: 0 } });
    await scene.post({ ...cloud, id: 'ce', data: { quantity: 2, region: 'eu' } }, CLOUD_EVENT);
    await scene.post(counted.replace('"quantity":0', '"quantity":-1e400'), CLOUD_EVENT);
    await customer();
    await scene.call('PUT', '/v1/meters/calls', { aggregation: 'count' });

    expect((await scene.replay()).body).toEqual({ ...NOTHING, accepted: 1, rejected: 1 });
    expect(await scene.listed()).toMatchObject([
      { usage_event_id: 'beyond', code: 'quantity_not_exact' },
    ]);
    expect(await valueOf('calls')).toBe('1');
  });

  it('leaves what was too large to be kept', async () => {
    await scene.post(usageEvent('huge', { note: 'x'.repeat(70_000) }));
    expect((await scene.replay()).body).toEqual({ ...NOTHING, rejected: 1 });
    expect(await scene.listed()).toMatchObject([{ code: 'unknown_field', event: null }]);
  });

  it('comes round to everything, ten thousand at a time', async () => {
    const lines = Array.from({ length: 10_300 }, (_, n) => JSON.stringify(usageEvent(`many-${n}`)));
    await scene.post(lines.join('\n'), NDJSON);
    const first = await scene.replay();
    expect(first.body.rejected + first.body.remaining).toBe(10_300);
    expect(first.body.remaining).toBeGreaterThanOrEqual(300);
    await customer();

    let accepted = 0;
    for (let remaining = 1; remaining > 0;) {
      const { body } = await scene.replay();
      accepted += body.accepted;
      remaining = body.remaining;
    }
    expect(accepted).toBe(10_300);
    expect(await valueOf('tokens')).toBe('10300');
    expect(await scene.listed()).toEqual([]);
  }, 120_000);

  it('counts each event once, also where several run at a time and senders send as well', async () => {
    const events = Array.from({ length: 300 }, (_, n) => usageEvent(`race-${n}`));
    await scene.post({ events });
    await customer();
    const work = Array.from({ length: 4 }, () => [
      scene.replay(),
      scene.post({ events: events.slice(0, 100) }),
    ]);
    const answers = await Promise.all(work.flat());

    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(answers.reduce((sum, { body }) => sum + body.accepted, 0)).toBe(300);
    expect(await valueOf('tokens')).toBe('300');
    expect(await scene.listed()).toEqual([]);
    expect((await tallies(scene)).tally).toBeNull();
  });
});
