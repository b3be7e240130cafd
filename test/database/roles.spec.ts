import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migrate } from '../../src/commands/open-database.js';
import { Connections, keepPlan } from '../../src/database/connections.js';
import { Database } from '../../src/database/database.js';
import { SERVICE_ROLE, setUpRoles, TENANT_ROLE } from '../../src/database/roles.js';
import { checkStart } from '../../src/database/start-check.js';
import { withinTenant } from '../../src/database/tenant-scope.js';
import { Recorder } from '../../src/ledger/recorder.js';
import { createDailyTenant, dayStart, usage, type DailyTenant } from '../races/daily-tenant.js';
import { onServer } from '../support/database.js';

/** insufficient_privilege: of a right that is not there, and of a row that no policy lets in. */
const REFUSED = { code: '42501' };

const BOOKS = [
  'audit_entry',
  'customer_schedule',
  'meter_settings',
  'push_transition',
  'usage_entry',
  'usage_event',
  'usage_event_key',
  'usage_void',
];
/** What is worked in: rows come, change and go. */
const WORKED_IN = [
  'amendment_due',
  'api_key',
  'approval',
  'approval_policy',
  'audit_head',
  'billing_period',
  'billing_source',
  'bulk_void',
  'close_mark',
  'command_answer',
  'customer',
  'customer_identity',
  'erased_stripe_customer',
  'erasure',
  'installation',
  'invoice_period',
  'item_period',
  'meter',
  'period_amendment',
  'period_close',
  'push',
  'push_hold',
  'push_lane',
  'push_reading',
  'push_unplanned',
  'push_work',
  'quarantine_tally',
  'quarantined_event',
  'reconciliation',
  'reconciliation_lane',
  'replay',
  'replay_change',
  'replay_difference',
  'stripe_account',
  'stripe_account_identity',
  'stripe_event',
  'stripe_invoice',
  'stripe_meter',
  'stripe_pace',
  'stripe_reads',
  'subscription_item',
  'subscription_reading',
  'tenant',
  'usage_delta',
  'usage_event_copy',
  'usage_total',
  'usage_unique',
];
/** Of those, what rows stay in for good. */
const KEPT = ['erasure'];
/** Their owner writes them; an erasure takes texts out of them. */
const CHECKPOINTS = ['usage_checkpoint', 'usage_checkpoint_member'];
/** Their owner's alone. */
const READ = ['migration', 'retained_month'];
/** They know of no tenant. */
const UNWALLED = ['installation', 'migration', 'retained_month', 'stripe_pace', 'stripe_reads'];

let test: DailyTenant;
let db: Database;
beforeAll(async () => {
  test = await createDailyTenant();
  db = new Database(test.url, 2, SERVICE_ROLE);
  await new Recorder(db, test.config).record(test.tenantId, [usage('one', '7', dayStart(0))]);
});
afterAll(async () => {
  await db.end();
  await test[Symbol.asyncDispose]();
});

async function tablesWith(role: string, right: string): Promise<string[]> {
  const rows = await test.db.work.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class
      WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
        AND has_table_privilege($1, oid, $2) ORDER BY relname COLLATE "C"`,
    [role, right],
  );
  return rows.map(({ name }) => name);
}

describe.each([SERVICE_ROLE, TENANT_ROLE])('%s', (role) => {
  it('may add to every table, and change none of the books', async () => {
    const all = (await tablesWith(role, 'SELECT')).filter(
      (name) => !READ.includes(name) && !CHECKPOINTS.includes(name),
    );
    const books = all.filter((name) => BOOKS.includes(name));

    // A new table is named above, as one or the other.
    expect(all).toEqual([...books, ...WORKED_IN].toSorted());
    expect(await tablesWith(role, 'INSERT')).toEqual(all);
    expect(await tablesWith(role, 'UPDATE')).toEqual([...WORKED_IN, ...CHECKPOINTS].toSorted());
    expect(await tablesWith(role, 'DELETE')).toEqual(
      WORKED_IN.filter((name) => !KEPT.includes(name)),
    );
    expect(await tablesWith(role, 'TRUNCATE, REFERENCES, TRIGGER')).toEqual([]);
  });

  it('owns nothing, makes nothing and cannot log in', async () => {
    const [found] = await test.db.work.query(
      `SELECT rolcanlogin OR rolsuper OR rolcreaterole OR rolbypassrls AS "isMore",
              has_schema_privilege(oid, 'public', 'CREATE') AS creates,
              EXISTS (SELECT FROM pg_class WHERE relowner = r.oid) AS owns
         FROM pg_roles r WHERE rolname = $1`,
      [role],
    );
    expect(found).toEqual({ isMore: false, creates: false, owns: false });
  });
});

describe('the books', () => {
  it.each(['usage_event_key', 'usage_event', 'usage_entry'])(
    'of %s cannot be changed by whoever has the service at hand',
    async (table) => {
      for (const sql of [
        `UPDATE ${table} SET received_at = received_at`,
        `DELETE FROM ${table} WHERE false`,
        `TRUNCATE ${table}`,
        `ALTER TABLE ${table} DISABLE TRIGGER ALL`,
        `DROP TABLE ${table}`,
      ]) {
        await expect(db.work.query(sql), sql).rejects.toMatchObject(REFUSED);
        const inside = withinTenant(test.tenantId, () => db.work.query(sql));
        await expect(inside, sql).rejects.toMatchObject(REFUSED);
      }
    },
  );
});

describe('the second wall', () => {
  it('is around every table that has tenants in it', async () => {
    const rows = await test.db.work.query<{ name: string }>(
      `SELECT relname AS name FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
          AND NOT relrowsecurity ORDER BY relname COLLATE "C"`,
    );
    expect(rows.map(({ name }) => name)).toEqual(UNWALLED);
  });

  it('hides from statements that ask for everything what others have', async () => {
    const count = 'SELECT count(*) AS n FROM usage_entry';
    const other = await test.tenants.create('other');

    expect(await withinTenant(test.tenantId, () => db.work.query(count))).toEqual([{ n: 1 }]);
    expect(await withinTenant(other, () => db.work.query(count))).toEqual([{ n: 0 }]);
    expect(
      await withinTenant(other, () => db.recording.transaction((tx) => tx.query(count))),
    ).toEqual([{ n: 0 }]);
    expect(await withinTenant(other, () => db.work.query('SELECT name FROM tenant'))).toEqual([
      { name: 'other' },
    ]);
    expect(await db.work.query(count)).toEqual([{ n: 1 }]);
  });

  it('lets nothing be written for another', async () => {
    const other = await test.tenants.create('writer');
    const write = `INSERT INTO meter (tenant_id, meter_no, key) VALUES ($1, 9, 'foreign')`;
    const raise = 'UPDATE tenant SET gate_version = gate_version + 1 RETURNING name';

    await expect(
      withinTenant(other, () => db.work.query(write, [test.tenantId])),
    ).rejects.toMatchObject(REFUSED);
    expect(await withinTenant(other, () => db.work.query(raise))).toEqual([{ name: 'writer' }]);
  });

  it('is not there for one tenant only because it was for the one before', async () => {
    const rows = await Promise.all(
      Array.from({ length: 40 }, async (_, n) => {
        const tenantId = n % 2 === 0 ? test.tenantId : randomUUID();
        const found = await withinTenant(tenantId, () =>
          db.work.query<{ tenantId: string }>('SELECT tenant_id AS "tenantId" FROM usage_entry'),
        );
        return found.every((row) => row.tenantId === tenantId) && found.length === (n + 1) % 2;
      }),
    );
    expect(rows.every(Boolean)).toBe(true);
  });

  it('is in plans that the server keeps, whoever has asked first', async () => {
    const count = keepPlan('SELECT count(*) AS n FROM usage_entry WHERE entry_no < $1');
    const alone = new Connections(test.url, 'alone', 1, SERVICE_ROLE);
    const ask = () => alone.query(count, [1]);
    try {
      // Often enough for a plan that serves any parameters.
      for (let n = 0; n < 8; n++) {
        expect(await ask()).toEqual([{ n: 1 }]);
        expect(await withinTenant(test.tenantId, ask)).toEqual([{ n: 1 }]);
        expect(await withinTenant(randomUUID(), ask)).toEqual([{ n: 0 }]);
      }
      expect(
        await alone.query(`SELECT statement, generic_plans > 0 AS "isKept"
                             FROM pg_prepared_statements WHERE statement LIKE '%entry_no <%'`),
      ).toEqual([{ statement: count, isKept: true }]);
    } finally {
      await alone.end();
    }
  });

  it('cannot be left from inside', () => {
    const inside = (tenantId: string) => () => withinTenant(tenantId, () => 'there');
    expect(withinTenant(test.tenantId, inside(test.tenantId))).toBe('there');
    expect(() => withinTenant(test.tenantId, inside(randomUUID()))).toThrow('reaches for another');
    expect(() => withinTenant("' OR true --", () => 0)).toThrow('UUID');
  });
});

it('an owner that is given the roles later can have texts erased by its functions', async () => {
  const name = `countonce_owner_${randomUUID().slice(0, 8)}`;
  const privileges = (of: pg.Client) =>
    of.query(
      `SELECT bool_or(has_table_privilege(t, 'UPDATE')) AS some, bool_and(has_table_privilege(t, 'UPDATE')) AS every
         FROM unnest($1::text[]) t`,
      [['usage_event', 'usage_entry', 'usage_void', 'push_transition', 'audit_entry']],
    );
  const url = await onServer(async (server) => {
    await server.query(`CREATE ROLE ${name} LOGIN PASSWORD 'owner'`);
    await server.query(`CREATE DATABASE ${name} OWNER ${name}`);
    return `postgres://${name}:owner@${server.host}:${server.port}/${name}`;
  });
  try {
    await migrate(url);
    const owner = new pg.Client(url);
    await owner.connect();
    expect((await privileges(owner)).rows).toEqual([{ some: false, every: false }]);
    await onServer((server) => server.query(`GRANT ${SERVICE_ROLE}, ${TENANT_ROLE} TO ${name}`));
    await migrate(url);
    expect((await privileges(owner)).rows).toEqual([{ some: true, every: true }]);
    const { rows } = await owner.query(
      `SELECT has_table_privilege('usage_event_key', 'UPDATE') AS key,
              has_table_privilege('usage_event', 'DELETE') AS event`,
    );
    expect(rows).toEqual([{ key: false, event: false }]);
    await owner.end();
    expect(await checkStart(url)).toBe(SERVICE_ROLE);
  } finally {
    await onServer(async (server) => {
      await server.query(`DROP DATABASE ${name} WITH (FORCE)`);
      await server.query(`DROP ROLE ${name}`);
    });
  }
});

describe('a table', () => {
  it('of the embedding application stays as it is, whatever it is called like', async () => {
    const url = await onServer(async (server) => {
      const name = `countonce_host_${randomUUID().slice(0, 8)}`;
      await server.query(`CREATE DATABASE ${name}`);
      return `postgres://${server.user}:${server.password}@${server.host}:${server.port}/${name}`;
    });
    const host = new pg.Client(url);
    await host.connect();
    try {
      await host.query('CREATE TABLE ledger_entry (tenant_id text NOT NULL)');
      await host.query(
        `CREATE FUNCTION of_the_host() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'`,
      );
      await migrate(url);
      const { rows } = await host.query(
        `SELECT relacl IS NULL AS "hasDefaultRights", relrowsecurity AS "isWalled",
                has_function_privilege('public', 'of_the_host()', 'EXECUTE') AS "isCallable"
           FROM pg_class WHERE relname = 'ledger_entry'`,
      );
      expect(rows).toEqual([{ hasDefaultRights: true, isWalled: false, isCallable: true }]);
      // What works with others' rights may reach the books; the host says who calls it.
      await expect(checkStart(url)).rejects.toThrow('of_the_host');
      await host.query('REVOKE EXECUTE ON FUNCTION of_the_host() FROM PUBLIC');
      expect(await checkStart(url)).toBe(SERVICE_ROLE);
    } finally {
      await host.end();
      await onServer((server) => server.query(`DROP DATABASE ${new URL(url).pathname.slice(1)}`));
    }
  });

  it('that becomes a part of one of ours is reached through that alone after the next migration', async () => {
    await test.db.work.query('ALTER TABLE usage_void RENAME TO whole_void');
    await test.db.work.query(
      'CREATE TABLE usage_void (LIKE whole_void) PARTITION BY RANGE (voided_at)',
    );
    await test.db.work.query('CREATE TABLE later PARTITION OF usage_void DEFAULT');
    await test.db.work.query(`GRANT ALL ON later TO ${TENANT_ROLE}`);
    await setUpRoles(test.db.work);
    await setUpRoles(test.db.work);

    await expect(db.work.query('DELETE FROM later')).rejects.toMatchObject(REFUSED);
    await expect(db.work.query('UPDATE later SET reason = 1')).rejects.toMatchObject(REFUSED);
    expect(await tablesWith(TENANT_ROLE, 'SELECT, INSERT, UPDATE')).not.toContain('later');
    expect(await tablesWith(TENANT_ROLE, 'INSERT')).toContain('usage_void');
    const [found] = await test.db.work.query(
      `SELECT relrowsecurity AS "isWalled" FROM pg_class WHERE relname = 'later'`,
    );
    expect(found).toEqual({ isWalled: true });
  });
});
