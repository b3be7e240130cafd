import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/config.js';
import { Database } from '../../src/database/database.js';
import { QuarantineTimer } from '../../src/quarantine/quarantine.timer.js';
import { startServerProcesses } from '../races/server-process.js';
import { NDJSON, quarantineScene, tallies, usageEvent } from './quarantine-scene.js';

describe('a quarantine that is full', () => {
  it('counts what it has no room for, tells every sender the verdict, and takes in again', async () => {
    await using scene = await quarantineScene({ QUARANTINE_EVENTS_MAX: '5' });
    const events = Array.from({ length: 8 }, (_, n) => usageEvent(`e-${n}`, { meter: 'nobody' }));
    const answer = await scene.post({ events });
    expect([answer.status, answer.body.rejected]).toEqual([422, 8]);

    // What is there is counted on; what is not is dropped once more.
    expect((await scene.post({ events })).body.rejected).toBe(8);
    const { body } = await scene.call('GET', '/v1/quarantine');
    expect(body.data.map((event: any) => event.usage_event_id).toSorted()).toEqual([
      'e-0',
      'e-1',
      'e-2',
      'e-3',
      'e-4',
    ]);
    expect(body.data.map((event: any) => event.count)).toEqual([2, 2, 2, 2, 2]);
    expect(body.dropped).toBe(6);
    expect((await scene.call('GET', '/metrics')).text).toContain('\nquarantine_dropped_total 6\n');

    await scene.call('DELETE', `/v1/quarantine/${body.data[0].id}`, { reason: 'room' });
    await scene.post(events[7]);
    expect(await scene.listed('?usage_event_id=e-7')).toHaveLength(1);
    const { tally, rows } = await tallies(scene);
    expect(tally).toEqual(rows);
  });

  it('is full of large events sooner', async () => {
    await using scene = await quarantineScene({ QUARANTINE_EVENTS_MAX: '20' });
    const events = Array.from({ length: 6 }, (_, n) =>
      usageEvent(`large-${n}`, { note: 'x'.repeat(20_000) }),
    );
    await scene.post({ events: [...events, usageEvent('small', { meter: 'nobody' })] });

    const { body } = await scene.call('GET', '/v1/quarantine');
    const kept = body.data.map((event: any) => event.usage_event_id).toSorted();
    expect(kept).toEqual(['large-0', 'large-1', 'large-2', 'large-3', 'small']);
    expect(body.dropped).toBe(2);
  });

  it('keeps nothing at all where that is asked for, and answers as ever', async () => {
    await using scene = await quarantineScene({ QUARANTINE_EVENTS_MAX: '0' });
    expect((await scene.post(usageEvent('none', { meter: 'nobody' }))).status).toBe(422);
    expect((await scene.call('GET', '/v1/quarantine')).body).toMatchObject({
      data: [],
      dropped: 1,
    });
  });
});

describe('the 90 days of an event in quarantine', () => {
  it('begin when it was seen last, and are over for thousands in one go', async () => {
    await using scene = await quarantineScene();
    const lines = Array.from({ length: 2_500 }, (_, n) =>
      JSON.stringify(usageEvent(`old-${n}`, { meter: 'nobody' })),
    );
    await scene.post(lines.join('\n'), NDJSON);
    await scene.post({
      events: ['kept', 'seen again'].map((id) => usageEvent(id, { meter: 'nobody' })),
    });
    const age = (days: number, id: string) =>
      scene.pool.query(
        `UPDATE quarantined_event
            SET first_seen_at = clock_timestamp() - $1 * interval '1 day',
                last_seen_at = clock_timestamp() - $1 * interval '1 day'
          WHERE usage_event_id LIKE $2`,
        [days, id],
      );
    await age(90.01, 'old-%');
    await age(89.99, 'kept');
    await age(100, 'seen again');
    await scene.post(usageEvent('seen again', { meter: 'nobody' }));

    const db = new Database(scene.databaseUrl, 2);
    await new QuarantineTimer(db, loadConfig({})).round();
    await db.end();
    const left = await scene.listed();
    expect(left.map((event) => [event.usage_event_id, event.count])).toEqual([
      ['seen again', 2],
      ['kept', 1],
    ]);
    const { tally, rows } = await tallies(scene);
    expect(tally).toEqual(rows);
  });
});

describe('a quarantine that cannot be written to', () => {
  it('makes the answer a 503, so that the sender sends again and nothing is missing', async () => {
    await using scene = await quarantineScene();
    await scene.pool.query('ALTER TABLE quarantined_event RENAME TO away');
    const batch = { events: [usageEvent('good'), usageEvent('bad', { meter: 'nobody' })] };
    const answer = await scene.post(batch);
    expect([answer.status, answer.body.code]).toEqual([503, 'service_unavailable']);
    expect(answer.headers.get('retry-after')).not.toBeNull();
    // Whoever sends nothing wrong does not notice.
    expect((await scene.post(usageEvent('fine'))).status).toBe(201);

    await scene.pool.query('ALTER TABLE away RENAME TO quarantined_event');
    expect((await scene.post(batch)).body).toMatchObject({ duplicate: 1, rejected: 1 });
    expect(await scene.listed()).toMatchObject([{ usage_event_id: 'bad', count: 1 }]);
  });
});

describe('the same refused event from many senders at once', () => {
  it('is one row that counts them all, whichever process they asked', async () => {
    await using processes = await startServerProcesses(2);
    const { servers, database } = processes;
    const event = usageEvent('everybody', { meter: 'nobody' });
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, n) => servers[n % 2]!.call('POST', '/v1/usage-events', event)),
    );

    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([422]));
    const { rows } = await database.pool.query(
      'SELECT usage_event_id AS id, seen::int FROM quarantined_event',
    );
    expect(rows).toEqual([{ id: 'everybody', seen: 50 }]);
  }, 240_000);
});
