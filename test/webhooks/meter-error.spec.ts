import { describe, expect, it } from 'vitest';
import type { SimulatorOptions } from '@countonce/stripe-simulator';
import { readMeterErrorReport } from '../../src/webhooks/meter-error-report.js';
import { MeterErrorHandler } from '../../src/webhooks/meter-error.handler.js';
import type { HandlerResult, InboxEvent } from '../../src/webhooks/stripe-event-handler.js';
import { due, sendAll } from '../push/due-push.js';
import type { PushScene } from '../push/push-scene.js';

type Switches = NonNullable<SimulatorOptions['switches']>;

const ERROR_REPORT = 'v1.billing.meter.error_report_triggered';
const NO_METER = 'v1.billing.meter.no_meter_found';

/** A push of 10 that Stripe answered with 200 and refused afterwards, and its report. */
async function refusedAfterwards(switches: Switches): Promise<PushScene> {
  const scene = await due(
    {},
    { autoCustomers: false, switches: { unknownCustomer: 'async', ...switches } },
  );
  await sendAll(scene, 1);
  scene.simulator.advanceClock(30);
  return scene;
}

async function thinEvents(scene: PushScene): Promise<{ id: string; type: string }[]> {
  const account = await scene.process().accounts.of(scene.tenantId);
  const { data } = await account!.client.v2.core.events.list();
  return data.filter(({ type }) => [ERROR_REPORT, NO_METER].includes(type));
}

async function handle(scene: PushScene, eventId: string): Promise<HandlerResult> {
  const account = await scene.process().accounts.of(scene.tenantId);
  const event: InboxEvent = {
    tenantId: scene.tenantId,
    eventId,
    type: ERROR_REPORT,
    objectId: null,
    livemode: false,
    accountId: null,
    receivedAt: 0,
  };
  return new MeterErrorHandler(scene.db).handle(event, account!);
}

async function readings(scene: PushScene): Promise<object[]> {
  return scene.db.work.query('SELECT cause, code FROM push_reading ORDER BY identifier');
}

describe('a report of meter events that were refused after their 200', () => {
  it.each(['identifier', 'identifier_is_key', 'id_and_key'] as const)(
    'disputes the pushes that it names, once (%s)',
    async (reportRequest) => {
      await using scene = await refusedAfterwards({ reportRequest });
      const [push] = await scene.pushes();
      expect(push).toMatchObject({ status: 'delivered' });
      const [event] = await thinEvents(scene);
      const first = await handle(scene, event!.id);
      expect(first).toMatchObject({
        outcome: 'done',
        effects: [{ kind: 'disputed', identifier: push!.identifier }],
        fetched: { id: event!.id, data: { reason: { error_count: 1 } } },
      });
      expect(await scene.pushes()).toMatchObject([{ status: 'disputed' }]);
      const again = await handle(scene, event!.id);
      expect(again.effects).toEqual(first.effects);
      expect(await readings(scene)).toMatchObject([{ cause: 'disputed' }]);
    },
  );

  it('has what it counts and does not name read back', async () => {
    await using scene = await refusedAfterwards({ reportSampleLimit: 0 });
    const [event] = await thinEvents(scene);
    const code = 'meter_event_customer_not_found';
    expect(await handle(scene, event!.id)).toMatchObject({
      outcome: 'done',
      effects: [{ kind: 'marked_for_reading', code, pushes: 1 }],
    });
    expect(await scene.pushes()).toMatchObject([{ status: 'delivered' }]);
    expect(await readings(scene)).toEqual([{ cause: 'reported', code }]);
  });

  it('leaves alone what went out at another time', async () => {
    await using scene = await refusedAfterwards({ reportSampleLimit: 0 });
    await scene.db.work.query(
      `UPDATE push SET first_attempt_at = first_attempt_at - interval '20 minutes',
                       last_attempt_at = last_attempt_at - interval '20 minutes'`,
    );
    const [event] = await thinEvents(scene);
    expect(await handle(scene, event!.id)).toMatchObject({ effects: [{ pushes: 0 }] });
    expect(await readings(scene)).toEqual([]);
  });

  it.each([5, 0])('waits for the answer of a push that has none yet (%i named)', async (limit) => {
    await using scene = await refusedAfterwards({ reportSampleLimit: limit });
    const [push] = await scene.pushes();
    await markUnanswered(scene);
    const [event] = await thinEvents(scene);
    expect(await handle(scene, event!.id)).toMatchObject({ outcome: 'waiting' });
    // The sender after the one that died hears that the identifier is taken.
    await sendAll(scene, 1);
    expect(await scene.pushes()).toMatchObject([{ status: 'delivered' }]);
    const result = await handle(scene, event!.id);
    expect(result.outcome).toBe('done');
    expect(await readings(scene)).toHaveLength(1);
    expect(push!.status).toBe('delivered');
  });

  it('is not ours where it is about pushes of others', async () => {
    await using scene = await refusedAfterwards({});
    await scene.db.work.query(`UPDATE push SET account_id = 'acct_other'`);
    const [event] = await thinEvents(scene);
    expect(await handle(scene, event!.id)).toMatchObject({ outcome: 'done', effects: [] });
    expect(await scene.pushes()).toMatchObject([{ status: 'delivered' }]);
  });

  it('of an event that Stripe does not have fails, to be tried again', async () => {
    await using scene = await refusedAfterwards({});
    await expect(handle(scene, 'evt_test_none')).rejects.toThrow('Stripe has no event');
  });
});

describe('a report without a meter', () => {
  it.each(['empty', 'absent'] as const)(
    'disputes what it names (%s)',
    async (noMeterRelatedObject) => {
      const switches: Switches = { unknownMeter: 'async', noMeterRelatedObject };
      await using scene = await due({}, { switches });
      // The meter is found when the push is planned, and gone when it is sent.
      await scene.meter({ stripe_event_name: 'gone' });
      await scene.db.work.query(`UPDATE push SET event_name = 'gone'`);
      await sendAll(scene, 1);
      scene.simulator.advanceClock(30);
      const [event] = await thinEvents(scene);
      expect(event).toMatchObject({ type: NO_METER });
      expect(await handle(scene, event!.id)).toMatchObject({ effects: [{ kind: 'disputed' }] });
    },
  );
});

describe('the samples of Stripe', () => {
  const window = {
    validation_start: '2024-08-28T20:54:00.000Z',
    validation_end: '2024-08-28T20:54:10.000Z',
  };
  const withTypes = (error_types: unknown, related_object: unknown = {}) => ({
    related_object,
    data: { ...window, reason: { error_count: 1, error_types } },
  });

  it('are read in both shapes, and in shapes still to come', () => {
    const type = (request: unknown) => ({
      code: 'a_new_code',
      error_count: 2,
      sample_errors: [{ error_message: 'why', request }],
    });
    const named = [
      { identifier: 'co1_a' },
      { id: '', idempotency_key: 'co1_a' },
      { id: 'req_1', idempotency_key: 'co1_a' },
      { identifier: '', id: 'co1_a' },
    ];
    for (const request of named) {
      expect(readMeterErrorReport(withTypes([type(request)], { id: 'mtr_1' }))).toMatchObject({
        stripeMeterId: 'mtr_1',
        to: Date.UTC(2024, 7, 28, 20, 54, 10) * 1_000,
        codes: [
          { code: 'a_new_code', errorCount: 2, samples: [{ name: 'co1_a', message: 'why' }] },
        ],
      });
    }
    for (const odd of [undefined, null, 'x', [null], [{}], [{ sample_errors: {} }]]) {
      const { codes, stripeMeterId } = readMeterErrorReport(withTypes(odd));
      expect(stripeMeterId).toBeNull();
      expect(codes.flatMap(({ samples }) => samples)).toEqual([]);
      // Unnamed ones are looked for where it cannot be told how many there are.
      for (const { errorCount } of codes) expect(errorCount).toBe(Infinity);
    }
  });

  it('are not guessed where the window is missing', () => {
    for (const event of [null, {}, { data: { ...window, validation_end: 'now' } }]) {
      expect(() => readMeterErrorReport(event)).toThrow('window of time');
    }
  });
});

/** As if the sender had died before it wrote the answer down, and its lease had run out. */
async function markUnanswered(scene: PushScene): Promise<void> {
  await scene.db.work.query(
    `WITH back AS (
       UPDATE push SET status = 'unknown', reason = 'lease_expired', unknown_attempts = 1,
              transition_no = 3, settled_by = NULL, delivered_at = NULL, next_attempt_at = now()
       RETURNING tenant_id, identifier
     )
     UPDATE push_transition t SET to_status = 'unknown', reason = 'lease_expired'
       FROM back b
      WHERE t.tenant_id = b.tenant_id AND t.identifier = b.identifier AND t.transition_no = 3`,
  );
}
