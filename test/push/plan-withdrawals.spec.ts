import { describe, expect, it } from 'vitest';
import { parseInstant } from '../../src/domain/instant.js';
import { holdIdentifier, pushIdentifier } from '../../src/domain/push-identifier.js';
import { mapped, NOVEMBER } from './mapped-scene.js';
import type { PushScene } from './push-scene.js';

const OCTOBER = '2026-10-01T00:00:00Z';

/** October and November, 5 and 7 of them planned and waiting. */
async function waiting(): Promise<PushScene> {
  const scene = await mapped();
  await scene.stripeMeter();
  await scene.period(OCTOBER, NOVEMBER);
  await scene.usage(OCTOBER, '2026-10-20T09:05:00Z', '5');
  await scene.usage(NOVEMBER, '2026-11-09T09:05:00Z', '7');
  await planBoth(scene);
  expect(await standing(scene)).toEqual(['5 pending', '7 pending']);
  return scene;
}

/** In one plan. */
async function planBoth(scene: PushScene): Promise<void> {
  await scene.db.work.query(
    `INSERT INTO push_work (tenant_id, customer_no, meter_no, period_start, closed)
     SELECT $1, 1, 1, s, false FROM unnest($2::timestamptz[]) s`,
    [scene.tenantId, [OCTOBER, NOVEMBER]],
  );
  expect(await scene.process().planner.plan(scene.tenantId)).toBe(2);
}

async function standing(scene: PushScene): Promise<string[]> {
  const pushes = await scene.pushes();
  return pushes
    .map(({ value, status, reason }) => [value, status, reason ?? []].flat().join(' '))
    .toSorted();
}

describe('what waits to be sent is taken back once it cannot be', () => {
  const sql = <Row extends object>(scene: PushScene, text: string) =>
    scene.db.work.query<Row>(text, [scene.tenantId]);
  const account = `a.account_id, a.livemode FROM (SELECT DISTINCT account_id, livemode FROM push) a`;

  it.each<[string, string, string, (scene: PushScene) => Promise<unknown>]>([
    [
      'the meter is mapped to nothing',
      'mapping_changed',
      'meter_unmapped',
      (scene) => scene.meter({ stripe_event_name: null }),
    ],
    [
      'the customer is mapped to nothing',
      'mapping_changed',
      'customer_unmapped',
      (scene) => scene.customer(null),
    ],
    [
      'the customer is deleted at Stripe',
      'customer_deleted',
      'customer_deleted',
      (scene) =>
        sql(
          scene,
          `INSERT INTO subscription_reading (tenant_id, stripe_customer_id, deleted_at, account_id,
                  livemode)
           SELECT $1, 'cus_scene', now(), ${account}`,
        ),
    ],
    [
      'its invoice is final',
      'invoice_finalized',
      'invoice_finalized',
      (scene) =>
        sql(
          scene,
          `WITH invoice AS (
             INSERT INTO stripe_invoice (tenant_id, invoice_id, status, made_at, account_id, livemode)
             SELECT $1, 'in_1', 'open', now(), ${account} RETURNING *)
           INSERT INTO invoice_period
           SELECT p.tenant_id, 1, 1, p.period_start, p.period_end, i.account_id, i.livemode, 'in_1'
             FROM billing_period p, invoice i`,
        ),
    ],
    [
      'no subscription item bills it',
      'no_subscription_item',
      'no_subscription_item',
      (scene) => sql(scene, 'UPDATE billing_period SET of_item = true WHERE tenant_id = $1'),
    ],
  ])('where %s: %s', async (_, reason, hold, happen) => {
    await using scene = await waiting();
    await happen(scene);
    await planBoth(scene);
    expect(await standing(scene)).toEqual([`5 rejected ${reason}`, `7 rejected ${reason}`]);
    const holds = await scene.db.work.query(
      `SELECT reason, value::float, identifier FROM push_hold ORDER BY value`,
    );
    expect(holds).toMatchObject([
      { reason: hold, value: 5 },
      { reason: hold, value: 7 },
    ]);
  });

  it('not where what stands in its way may pass by itself', async () => {
    await using scene = await waiting();
    const [meter] = await sql<{ id: string }>(
      scene,
      `UPDATE stripe_meter SET read_at = now() - interval '1 hour' WHERE tenant_id = $1
       RETURNING stripe_meter_id AS id`,
    );
    await scene.stripe(`/v1/billing/meters/${meter!.id}/deactivate`, new URLSearchParams());
    await scene.usage(OCTOBER, '2026-10-21T09:05:00Z', '2');
    await planBoth(scene);
    expect(await scene.holds()).toEqual({ meter_inactive: '2' });
    expect(await standing(scene)).toEqual(['5 pending', '7 pending']);
  });

  it('where it goes elsewhere by now, and is sent there', async () => {
    await using scene = await waiting();
    await scene.stripe('/v1/billing/meters', new URLSearchParams(METER));
    await scene.meter({ stripe_event_name: 'other' });
    await planBoth(scene);
    expect(await standing(scene)).toEqual([
      '5 pending',
      '5 rejected mapping_changed',
      '7 pending',
      '7 rejected mapping_changed',
    ]);
  });

  it('where its lane is parked, in that lane alone', async () => {
    await using scene = await waiting();
    await sql(
      scene,
      `UPDATE push_lane SET parked_code = 'refused', parked_at = now()
        WHERE tenant_id = $1 AND period_start = '${NOVEMBER}'`,
    );
    await planBoth(scene);
    expect(await standing(scene)).toEqual(['5 pending', '7 rejected lane_parked']);
    expect(await scene.holds()).toEqual({ lane_parked: '7' });
  });

  it('not where what its lane was parked for has passed', async () => {
    await using scene = await waiting();
    await sql(
      scene,
      `UPDATE push_lane SET parked_code = 'archived_meter', parked_at = now() - interval '1 hour'
        WHERE tenant_id = $1`,
    );
    await planBoth(scene);
    expect(await standing(scene)).toEqual(['5 pending', '7 pending']);
    expect(await scene.holds()).toEqual({});
  });
});

const METER = {
  display_name: 'Other',
  event_name: 'other',
  'default_aggregation[formula]': 'sum',
};

describe('what is planned', () => {
  it('is named by all that makes it this push of this installation', async () => {
    await using scene = await waiting();
    const [installation] = await scene.db.work.query<{ id: string }>(
      'SELECT installation_id AS id FROM installation',
    );
    const [lane] = await scene.db.work.query<{ accountId: string; stripeMeterId: string }>(
      `SELECT account_id AS "accountId", stripe_meter_id AS "stripeMeterId" FROM push_lane`,
    );
    const origin = {
      installationId: installation!.id,
      tenantId: scene.tenantId,
      customerId: 'acme',
      erasuresBefore: 0,
      meterKey: 'calls',
      periodStart: parseInstant(NOVEMBER)!,
    };
    const push = (await scene.pushes()).find(({ value }) => value === '7')!;
    expect(push.identifier).toBe(
      pushIdentifier({
        ...origin,
        ...lane!,
        livemode: false,
        stripeCustomerId: 'cus_scene',
        sequence: 1,
      }),
    );
    await scene.customer(null);
    await planBoth(scene);
    const holds = await scene.db.work.query<{ identifier: string }>(
      'SELECT identifier FROM push_hold WHERE period_start = $1',
      [NOVEMBER],
    );
    expect(holds).toEqual([{ identifier: holdIdentifier(origin, 'customer_unmapped') }]);
  });

  it('goes before what is pushed between times only where its period is closed', async () => {
    await using scene = await waiting();
    const first = () =>
      scene.db.work.query('SELECT trim_scale(value)::text AS value FROM push WHERE of_closed');
    expect(await first()).toEqual([]);
    await scene.close(OCTOBER, '5');
    expect(await scene.process().planner.plan(scene.tenantId)).toBe(1);
    expect(await first()).toEqual([{ value: '5' }]);
    await planBoth(scene);
    expect(await first()).toEqual([{ value: '5' }]);
  });
});
