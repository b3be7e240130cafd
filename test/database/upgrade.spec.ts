import { expect, it } from 'vitest';
import { migrate } from '../../src/commands/open-database.js';
import { Database } from '../../src/database/database.js';
import { isMigrated } from '../../src/database/migrated.js';
import { SERVICE_ROLE, setUpRoles } from '../../src/database/roles.js';
import { checkStart } from '../../src/database/start-check.js';
import { Recorder } from '../../src/ledger/recorder.js';
import { createDailyTenant, dayStart, usage, type DailyTenant } from '../races/daily-tenant.js';

/** As a version that knew of no months left it: with the roles, whose migration has the last number. */
async function withoutMonths(): Promise<DailyTenant> {
  const old = await createDailyTenant();
  await new Recorder(old.db, old.config).record(old.tenantId, [usage('first', '7', dayStart(0))]);
  // The roles, retention, the storage settings, the months.
  for (let undone = 0; undone < 4; undone++) await old.dataSource.undoLastMigration();
  await setUpRoles(old.db.work);
  await old.db.work.query(
    `INSERT INTO migration (timestamp, name) VALUES (1795200000090, 'CreateRoles1795200000090')`,
  );
  return old;
}

it('a database that lacks a migration of this version is not migrated, whatever number it has', async () => {
  await using old = await withoutMonths();
  expect(await isMigrated(old.db.work)).toBe(false);
  expect(await migrate(old.url)).toEqual([
    'UsageMonths1795200000016',
    'UsageStorage1795200000017',
    'Retention1795200000018',
  ]);
  expect(await isMigrated(old.db.work)).toBe(true);
});

it('what was recorded before there were months is in them after the migration', async () => {
  await using old = await withoutMonths();
  const parted = await old.db.work.query(
    `SELECT relname FROM pg_class WHERE relkind = 'p' AND relnamespace = 'public'::regnamespace`,
  );
  expect(parted).toEqual([]);
  await old.db.work.query(
    `INSERT INTO usage_event SELECT tenant_id, gen_random_uuid(), source, 'long ago', customer_id,
            customer_no, meter, quantity, occurred_at, occurred_at_sent, properties, '2025-03-31T23:59Z'
       FROM usage_event`,
  );
  const rows = 'SELECT usage_event_id AS id FROM usage_event ORDER BY usage_event_id';
  const before = await old.db.work.query(rows);

  await migrate(old.url);

  expect(await old.db.work.query(rows)).toEqual(before);
  expect(await old.db.work.query('SELECT usage_event_id AS id FROM usage_event_2025_03')).toEqual([
    { id: 'long ago' },
  ]);
  expect(await checkStart(old.url)).toBe(SERVICE_ROLE);
  const service = new Database(old.url, 2, SERVICE_ROLE);
  try {
    expect(
      await new Recorder(service, old.config).record(old.tenantId, [
        usage('first', '7', dayStart(0)),
        usage('second', '1', dayStart(0)),
      ]),
    ).toMatchObject([{ status: 'duplicate' }, { status: 'accepted' }]);
  } finally {
    await service.end();
  }
});
