import { AmendmentSealer } from '../../src/periods/amendment-sealer.js';
import {
  Retention,
  type MonthOutcome,
  type RetentionHooks,
} from '../../src/retention/retention.js';
import { parseInstant, type Micros } from '../../src/domain/instant.js';
import { CUSTOMERS, History } from '../replay/history.js';

/** The months of a history that was received in the first quarter of 2026, and is settled since. */
export const MONTHS = ['2026-01', '2026-02', '2026-03'] as const;
export const APRIL = at('2026-04-01T00:00:00Z');

export function at(text: string): Micros {
  return parseInstant(text)!;
}

/** From when on each row was received: as far apart as before, over the quarter. */
const OF_OLD = `
  timestamptz '2026-01-10' + (received_at - s.first) / greatest(extract(epoch FROM s.last - s.first), 1)
    * extract(epoch FROM interval '75 days')`;
const SPAN = `(SELECT min(received_at) AS first, max(received_at) AS last FROM usage_entry) s`;

/** A history as if it were long past. Every step of it is settled, and nothing is pushed. */
export async function openOldHistory(seed?: number): Promise<History> {
  const history = await History.open(seed);
  // Before anything is closed: a maximum that was voided later would keep its month.
  await history.send(50, 10);
  await voidSome(history, 4);
  await history.happen(20);
  await history.send(30, 60);
  await settle(history, 95);
  await history.send(20, 95);
  // By then the period is closed as well that usage was carried into.
  await settle(history, 125);
  await makeOld(history);
  return history;
}

async function settle(history: History, day: number): Promise<void> {
  await history.arriveAt(day);
  await history.close();
  await history.damage(`UPDATE amendment_due SET due_at = '2026-01-01'`);
  await history.app.app.get(AmendmentSealer).run(history.tenantId, () => false);
  await history.damage('DELETE FROM push_work');
  await history.damage('DELETE FROM push_hold');
}

async function voidSome(history: History, count: number): Promise<void> {
  const { body } = await history.app.call('GET', '/v1/usage-events?limit=100');
  for (const { usage_event_id } of body.data.slice(0, count)) {
    await history.app.call('POST', '/v1/usage-events/void', { usage_event_id, reason: 'mistaken' });
  }
}

async function makeOld(history: History): Promise<void> {
  for (const month of MONTHS) {
    for (const book of ['usage_event', 'usage_entry']) {
      await history.damage(`SELECT make_usage_month('${book}', '${month}-01')`);
    }
  }
  await history.damage(`CREATE TABLE span AS SELECT * FROM ${SPAN}`);
  for (const book of ['usage_event_key', 'usage_event', 'usage_entry']) {
    await history.damage(`UPDATE ${book} SET received_at = ${OF_OLD} FROM span s`);
  }
  await history.damage(
    `UPDATE usage_void SET voided_at = ${OF_OLD.replace('received_at', 'voided_at')} FROM span s`,
  );
  await history.damage('DROP TABLE span');
  await history.damage(
    `UPDATE billing_period SET closed_at = '2026-05-11' WHERE closed_at IS NOT NULL`,
  );
  await history.damage(
    `UPDATE period_amendment SET created_at = '2026-05-11' WHERE created_at IS NOT NULL`,
  );
  await history.damage(`UPDATE tenant SET created_at = '2026-01-01'`);
}

export const UNTOLD: RetentionHooks = { onStep: () => undefined, isStopping: () => false };

/** Retains what ended by then, in this process. */
export async function retain(
  history: History,
  endedBy: Micros = APRIL,
  directory?: string,
  hooks = UNTOLD,
): Promise<MonthOutcome[]> {
  const retention = await Retention.open(history.app.databaseUrl);
  try {
    return await retention.run(endedBy, directory, hooks);
  } finally {
    await retention.end();
  }
}

export async function rehearse(history: History, endedBy: Micros = APRIL): Promise<MonthOutcome[]> {
  const retention = await Retention.open(history.app.databaseUrl);
  try {
    return await retention.rehearse(endedBy);
  } finally {
    await retention.end();
  }
}

/** Everything that the API says of periods. */
export async function statements(history: History): Promise<unknown[]> {
  const answers = CUSTOMERS.map((customer) =>
    history.app.call('GET', `/v1/customers/${customer}/billing-periods?limit=1000`),
  );
  return (await Promise.all(answers)).map(({ body }) => body.data);
}

export async function monthsOf(history: History, book: string): Promise<string[]> {
  const { rows } = await history.app.pool.query<{ month: string }>(
    `SELECT replace(right(inhrelid::regclass::text, 7), '_', '-') AS month FROM pg_inherits
      WHERE inhparent = $1::regclass AND NOT inhdetachpending ORDER BY 1`,
    [book],
  );
  return rows.map(({ month }) => month);
}
