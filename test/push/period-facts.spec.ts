import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { formatInstantMicros, parseInstant } from '../../src/domain/instant.js';
import { periodFacts } from '../../src/push/period-facts.js';
import { mapped, NOVEMBER } from './mapped-scene.js';
import type { PushScene } from './push-scene.js';

const OCTOBER = '2026-10-01T00:00:00Z';
const ACCOUNT = `'acct_1', false`;
const PERIOD = { customerNo: 1, meterNo: 1, periodStart: parseInstant(OCTOBER)! };

let scene: PushScene;
beforeAll(async () => {
  scene = await mapped();
  await scene.period(OCTOBER, NOVEMBER);
});
afterAll(() => scene[Symbol.asyncDispose]());
beforeEach(async () => {
  for (const table of [
    'stripe_invoice',
    'invoice_period',
    'subscription_reading',
    'subscription_item',
    'billing_source',
  ]) {
    await scene.db.work.query(`DELETE FROM ${table}`);
  }
  await scene.db.work.query('UPDATE billing_period SET of_item = false');
});

const sql = (text: string) => scene.db.work.query(text, [scene.tenantId]);

async function factsOf() {
  const [facts] = await scene.db.work.transaction((tx) =>
    periodFacts(tx, scene.tenantId, [PERIOD]),
  );
  return { ...facts!, finalizesAt: formatInstantMicros(facts!.finalizesAt).slice(0, 16) };
}

const ofItem = () => sql('UPDATE billing_period SET of_item = true WHERE tenant_id = $1');

async function invoice(id: string, status: string, finalizesAt: string, madeAt: string) {
  await sql(
    `WITH invoice AS (
       INSERT INTO stripe_invoice (tenant_id, account_id, livemode, invoice_id, status, finalizes_at, made_at)
       VALUES ($1, ${ACCOUNT}, '${id}', '${status}', '${finalizesAt}', '${madeAt}'))
     INSERT INTO invoice_period VALUES ($1, 1, 1, '${OCTOBER}', '${NOVEMBER}', ${ACCOUNT}, '${id}')`,
  );
}

const readAt = (invoicesReadAt: string | null, deletedAt: string | null = null) =>
  scene.db.work.query(
    `INSERT INTO subscription_reading (tenant_id, account_id, livemode, stripe_customer_id,
            invoices_read_at, deleted_at) VALUES ($1, ${ACCOUNT}, 'cus_scene', $2, $3)`,
    [scene.tenantId, invoicesReadAt, deletedAt],
  );

/** From when, until when, and whether it is live. */
type Item = readonly [string, string | null, boolean];

/** By which the meter's periods are Stripe's, and items that price it. */
async function items(...spans: readonly Item[]) {
  await sql(`INSERT INTO billing_source VALUES ($1, 1, 1, 1, 'stripe', '2026-01-01Z')`);
  await sql(
    `INSERT INTO customer_schedule (tenant_id, customer_no, version, effective_from, "interval",
            interval_count, anchor, timezone)
     VALUES ($1, 1, 1, 'epoch', 'month', 1, '2026-01-01Z', 'UTC') ON CONFLICT DO NOTHING`,
  );
  for (const [index, [from, to, live]] of spans.entries()) {
    await scene.db.work.query(
      `INSERT INTO subscription_item (tenant_id, account_id, livemode, item_id, stripe_meter_id,
              subscription_id, stripe_customer_id, event_name, starts_at, ends_at, live, "interval",
              interval_count, anchor)
       VALUES ($1, ${ACCOUNT}, $2, 'mtr_1', 'sub_1', 'cus_scene', 'calls', $3, $4, $5, 'month', 1, $3)`,
      [scene.tenantId, `si_${index}`, from, to, live],
    );
  }
}

describe('when the invoice of a period becomes final', () => {
  it('is an hour after its end where nothing is known', async () => {
    expect(await factsOf()).toMatchObject({
      finalizesAt: '2026-11-01T01:00',
      isInvoiceUnread: false,
      unbillable: null,
      pricing: null,
    });
  });

  it('is as its invoice says: of several the draft, of those that was made last', async () => {
    await invoice('in_1', 'draft', '2026-11-01T02:00:00Z', '2026-11-01T00:00:00Z');
    expect(await factsOf()).toMatchObject({ finalizesAt: '2026-11-01T02:00', unbillable: null });
    await invoice('in_2', 'draft', '2026-11-01T03:00:00Z', '2026-11-01T00:00:01Z');
    await invoice('in_3', 'open', '2026-11-01T04:00:00Z', '2026-11-01T00:00:02Z');
    await invoice('in_4', 'deleted', '2026-11-01T05:00:00Z', '2026-11-01T00:00:03Z');
    expect(await factsOf()).toMatchObject({ finalizesAt: '2026-11-01T03:00', unbillable: null });
  });

  it('is past where it is one already', async () => {
    await invoice('in_1', 'open', '2026-11-01T02:00:00Z', '2026-11-01T00:00:00Z');
    expect(await factsOf()).toMatchObject({ unbillable: 'invoice_finalized' });
  });

  it('concerns nobody where the customer is deleted', async () => {
    await readAt(null, '2026-11-02T00:00:00Z');
    expect(await factsOf()).toMatchObject({ unbillable: 'customer_deleted' });
  });
});

describe('whether Stripe must be asked for the invoice', () => {
  it.each<[string, string | null | undefined, boolean]>([
    ['nobody has', undefined, true],
    ['nothing was read', null, true],
    ['it was read a moment before it becomes final', '2026-11-01T00:59:59.999999Z', true],
    ['it was read as it becomes final', '2026-11-01T01:00:00Z', false],
    ['it was read later', '2026-11-02T00:00:00Z', false],
  ])('of a subscription item, where %s', async (_, at, isInvoiceUnread) => {
    await ofItem();
    if (at !== undefined) await readAt(at);
    expect(await factsOf()).toMatchObject({ isInvoiceUnread });
  });

  it('not before it may be final, and not of a schedule', async () => {
    await readAt('2026-10-01T00:00:00Z');
    expect(await factsOf()).toMatchObject({ isInvoiceUnread: false });
    await ofItem();
    await invoice('in_1', 'draft', '2026-12-24T00:00:00Z', '2026-11-01T00:00:00Z');
    expect(await factsOf()).toMatchObject({ isInvoiceUnread: false });
  });
});

describe('which items price a period', () => {
  it('is asked only where Stripe says when it ends', async () => {
    await items(['2026-09-01Z', null, true], ['2026-09-01Z', null, true]);
    expect(await factsOf()).toMatchObject({ pricing: null });
  });

  it.each<[string, readonly Item[], string | null]>([
    ['none', [], 'none'],
    ['one', [['2026-09-01Z', null, true]], 'one'],
    [
      'several',
      [
        ['2026-09-01Z', null, true],
        ['2026-10-31Z', null, true],
      ],
      'several',
    ],
    ['none that ended as it began', [['2026-09-01Z', '2026-10-01Z', true]], 'none'],
    ['none that begins as it ends', [['2026-11-01Z', null, true]], 'none'],
  ])('tells: %s', async (_, spans, pricing) => {
    await ofItem();
    await items(...spans);
    expect(await factsOf()).toMatchObject({ pricing });
  });

  it('is none where no source was ever asked for', async () => {
    await ofItem();
    expect(await factsOf()).toMatchObject({ pricing: 'none' });
  });
});

it('a period that has no row any more has no facts', async () => {
  const gone = { ...PERIOD, meterNo: 2 };
  const facts = await scene.db.work.transaction((tx) =>
    periodFacts(tx, scene.tenantId, [gone, PERIOD]),
  );
  expect(facts).toMatchObject([PERIOD]);
});
