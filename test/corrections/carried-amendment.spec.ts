import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AmendmentSealer } from '../../src/periods/amendment-sealer.js';
import { Database } from '../../src/database/database.js';
import { PeriodCloser } from '../../src/periods/period-closer.js';
import { ReplayRunner } from '../../src/replay/replay-runner.js';
import { ReplayService } from '../../src/replay/replay.service.js';
import { startTestApp, type TestApp } from '../support/app.js';

let app: TestApp;
let db: Database;
let tenantId: string;
beforeAll(async () => {
  app = await startTestApp();
  db = new Database(app.databaseUrl, 2);
  tenantId = (await app.pool.query('SELECT tenant_id FROM tenant')).rows[0].tenant_id;
  await app.call('POST', '/v1/test-clock', { now: '2026-05-10T12:00:00Z' });
  await app.call('PUT', '/v1/meters/level', { aggregation: 'last', carry_last: true });
});
afterAll(async () => {
  await db.end();
  await app[Symbol.asyncDispose]();
});

let ids = 0;
/** On a day of 2026, written `01-10`. */
async function use(customer: string, day: string, quantity: number): Promise<string> {
  const id = `e-${++ids}`;
  const sent = await app.call('POST', '/v1/usage-events', {
    usage_event_id: id,
    customer_id: customer,
    meter: 'level',
    quantity,
    occurred_at: `2026-${day}T12:00:00Z`,
  });
  expect(sent.status).toBe(201);
  return id;
}

async function take(id: string): Promise<any> {
  const path = '/v1/usage-events/void';
  const { body } = await app.call('POST', path, { usage_event_id: id, reason: 'a mistake' });
  return body.effect;
}

const close = (customer: string, month: string) =>
  app.call('POST', '/v1/period-closes', {
    customer_id: customer,
    as_of: `2026-${month}-01T00:00:00Z`,
  });

/** Seals whatever is due, again and again, until nothing is. */
async function settle(): Promise<void> {
  for (let round = 0; round < 20; round++) {
    const { rowCount } = await app.pool.query('UPDATE amendment_due SET due_at = now()');
    const { rows } = await app.pool.query(
      'SELECT FROM period_close WHERE finished_at IS NULL LIMIT 1',
    );
    if (rowCount === 0 && rows.length === 0) return;
    await app.app.get(AmendmentSealer).run(tenantId, () => false);
    await app.app.get(PeriodCloser).resume(tenantId, () => false);
  }
  throw new Error('amendments go on and on');
}

const statementsOf = async (customer: string): Promise<any[]> =>
  (await app.call('GET', `/v1/customers/${customer}/billing-periods?meter=level&limit=100`)).body
    .data;

/** By month: the value of the statement, those of the amendments, and what it all comes to. */
async function told(customer: string): Promise<Record<string, unknown[]>> {
  const statements = await statementsOf(customer);
  return Object.fromEntries(
    statements.map(({ period_start: start, value, amendments, amended_value: amended }) => [
      start.slice(5, 7),
      [value, amendments.map((each: any) => each.value), amended],
    ]),
  );
}

async function differences(): Promise<unknown> {
  const replays = new ReplayService(db);
  const id = await replays.begin(tenantId, { mode: 'verify' }, { byCommand: true });
  await new ReplayRunner(db).run(tenantId, id, () => false);
  return (await replays.get(tenantId, id)).differences;
}

describe('an amendment of a period whose value was carried on', () => {
  it('amends the closed periods after it that have nothing of their own, up to the open one', async () => {
    await use('chain', '01-10', 10);
    await close('chain', '05');
    const before = await statementsOf('chain');
    await use('chain', '01-20', 7);
    await settle();
    expect(await told('chain')).toEqual({
      '01': ['10', ['-3'], '7'],
      '02': ['10', ['-3'], '7'],
      '03': ['10', ['-3'], '7'],
      '04': ['10', ['-3'], '7'],
      '05': ['7', [], '7'],
    });
    const after = await statementsOf('chain');
    for (const [i, { value, digest, carried_in, event_count }] of before.slice(0, 4).entries())
      expect(after[i]).toMatchObject({ value, digest, carried_in, event_count });
    expect(after[1].amendments).toMatchObject([
      { revision: 1, status: 'closed', event_count: 0, created_at: expect.any(String) },
    ]);
    const path = '/v1/usage?meter=level&customer_id=chain&window=period';
    const usage = (await app.call('GET', path)).body.data;
    expect(usage.map((row: any) => row.value)).toEqual(['7', '7', '7', '7', '7']);
    expect(await differences()).toEqual([]);
  });

  it('has each of them planned again, with parts that add up', async () => {
    await use('pushed', '01-10', 10);
    await close('pushed', '04');
    await app.pool.query('DELETE FROM push_work');
    await use('pushed', '01-20', 7);
    await settle();
    const { rows } = await app.pool.query(
      `SELECT to_char(period_start, 'MM') AS month FROM push_work WHERE closed ORDER BY 1`,
    );
    expect(rows.map(({ month }) => month)).toEqual(['01', '02', '03']);
    const parts =
      /^(?:delivered|confirmed|pending|unknown|held|rejected|excluded|unbillable)_value$/;
    for (const statement of await statementsOf('pushed')) {
      for (const each of [statement, ...statement.amendments]) {
        const sum = Object.entries(each)
          .filter(([name]) => parts.test(name))
          .reduce((total, [, part]) => total + Number(part), 0);
        expect(sum).toBe(Number(each.value));
      }
    }
  });

  it('goes no further than usage', async () => {
    await use('stopped', '01-10', 10);
    await use('stopped', '03-10', 5);
    await close('stopped', '05');
    await use('stopped', '01-20', 7);
    await settle();
    expect(await told('stopped')).toEqual({
      '01': ['10', ['-3'], '7'],
      '02': ['10', ['-3'], '7'],
      '03': ['5', [], '5'],
      '04': ['5', [], '5'],
      '05': ['5', [], '5'],
    });
  });

  it('is there where that usage is voided later', async () => {
    await use('uncovered', '01-10', 10);
    const covering = await use('uncovered', '02-10', 5);
    await close('uncovered', '04');
    await use('uncovered', '01-20', 7);
    await settle();
    expect((await told('uncovered'))['02']).toEqual(['5', [], '5']);
    expect(await take(covering)).toMatchObject({ kind: 'amendment', value: '2' });
    await settle();
    expect(await told('uncovered')).toEqual({
      '01': ['10', ['-3'], '7'],
      '02': ['5', ['2'], '7'],
      '03': ['5', ['2'], '7'],
      '04': ['7', [], '7'],
    });
    expect(await differences()).toEqual([]);
  });

  it('may be taken back', async () => {
    await use('back', '01-10', 10);
    await close('back', '03');
    const late = await use('back', '01-20', 7);
    await settle();
    expect(await take(late)).toMatchObject({ kind: 'amendment', value: '3' });
    await settle();
    expect(await told('back')).toEqual({
      '01': ['10', ['-3', '3'], '10'],
      '02': ['10', ['-3', '3'], '10'],
      '03': ['10', [], '10'],
    });
  });

  it('that is taken back before it went on leaves nothing', async () => {
    await use('quick', '01-10', 10);
    await close('quick', '03');
    const sealer = app.app.get(AmendmentSealer);
    const due = () =>
      app.pool.query(
        `UPDATE amendment_due d SET due_at = now() FROM billing_period p
        WHERE p.period_start = '2026-01-01' AND (d.customer_no, d.period_start)
              = (p.customer_no, p.period_start)`,
      );
    const late = await use('quick', '01-20', 7);
    await due();
    // Another one of it ends here, before it looks at what that changed.
    await sealer['seal'](tenantId);
    await sealer['write'](tenantId);
    await take(late);
    await due();
    await sealer['seal'](tenantId);
    await sealer['write'](tenantId);
    await settle();
    expect(await told('quick')).toEqual({
      '01': ['10', ['-3', '3'], '10'],
      '02': ['10', [], '10'],
      '03': ['10', [], '10'],
    });
  });

  it('opens periods that nothing was carried into before, and closes those that are over', async () => {
    await use('first', '05-02', 9);
    await close('first', '05');
    await use('first', '01-20', 4);
    await settle();
    expect(await told('first')).toEqual({
      '01': ['0', ['4'], '4'],
      '02': ['4', [], '4'],
      '03': ['4', [], '4'],
      '04': ['4', [], '4'],
      '05': ['9', [], '9'],
    });
    expect(await differences()).toEqual([]);
  });

  it('reaches a closed period that was the first to be used, once that is voided', async () => {
    const first = await use('early', '03-10', 5);
    await close('early', '05');
    await use('early', '01-20', 4);
    await settle();
    expect((await told('early'))['03']).toEqual(['5', [], '5']);
    expect(await take(first)).toMatchObject({ kind: 'amendment', value: '-1' });
    await settle();
    expect(await told('early')).toEqual({
      '01': ['0', ['4'], '4'],
      '02': ['4', [], '4'],
      '03': ['5', ['-1'], '4'],
      '04': ['5', ['-1'], '4'],
      '05': ['4', [], '4'],
    });
    expect(await differences()).toEqual([]);
  });

  it('reaches the open period in one run, behind two gates however many are between', async () => {
    await use('long', '01-10', 10);
    await close('long', '05');
    const versions = async (): Promise<number> =>
      Number((await app.pool.query('SELECT gate_version FROM tenant')).rows[0].gate_version);
    await use('long', '01-20', 7);
    await app.pool.query('UPDATE amendment_due SET due_at = now()');
    const before = await versions();
    await app.app.get(AmendmentSealer).run(tenantId, () => false);
    expect((await versions()) - before).toBe(2);
    expect((await told('long'))['05']).toEqual(['7', [], '7']);
  });

  it('opens none where nothing was carried over when the period was closed', async () => {
    await app.call('PUT', '/v1/meters/loose', { aggregation: 'last' });
    const send = (usage_event_id: string, day: string, quantity: number) =>
      app.call('POST', '/v1/usage-events', {
        usage_event_id,
        customer_id: 'loose',
        meter: 'loose',
        quantity,
        occurred_at: `2026-${day}T12:00:00Z`,
      });
    await send('loose-1', '01-10', 10);
    await close('loose', '03');
    await app.call('PUT', '/v1/meters/loose', { aggregation: 'last', carry_last: true });
    await send('loose-2', '01-20', 7);
    await settle();
    const path = '/v1/customers/loose/billing-periods?meter=loose';
    const { data } = (await app.call('GET', path)).body;
    expect(data.map((each: any) => each.amended_value)).toEqual(['7']);
  });

  it('is told by a replay where it was lost on its way', async () => {
    await use('missed', '01-10', 10);
    await close('missed', '03');
    await use('missed', '01-20', 7);
    await app.pool.query('UPDATE amendment_due SET due_at = now()');
    const sealer = app.app.get(AmendmentSealer);
    await sealer['seal'](tenantId);
    await sealer['write'](tenantId);
    expect(await differences()).toEqual([]);
    await app.pool.query('DELETE FROM amendment_due');
    expect(await differences()).toMatchObject([
      { kind: 'carried_last', ledger: { carried_last: '7' }, stored: { carried_last: '10' } },
    ]);
  });
});
