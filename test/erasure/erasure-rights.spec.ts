import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TenantService } from '../../src/access/tenant.service.js';
import { Database } from '../../src/database/database.js';
import { OWNERS_FUNCTIONS, SERVICE_ROLE, TENANT_ROLE } from '../../src/database/roles.js';
import { checkStart } from '../../src/database/start-check.js';
import { withinTenant } from '../../src/database/tenant-scope.js';
import { ErasureService } from '../../src/erasure/erasure.service.js';
import { startTestApp, type TestApp } from '../support/app.js';

const RESTRICTED = { code: '23001' };

let api: TestApp;
let tenantId: string;
let db: Database;
let rows: { key: string; customerNo: string }[];
beforeAll(async () => {
  api = await startTestApp();
  tenantId = (await api.app.get(TenantService).byName('default'))!.tenantId;
  db = new Database(api.databaseUrl, 1, SERVICE_ROLE);
  await api.call('PUT', '/v1/meters/calls', { aggregation: 'sum', dimensions: ['region'] });
  for (const customer of ['one', 'two', 'three']) {
    await api.call('POST', '/v1/usage-events', {
      usage_event_id: customer,
      customer_id: customer,
      meter: 'calls',
      quantity: 7,
      properties: { region: 'eu' },
    });
  }
  const found = await api.pool.query(
    `SELECT event_key AS key, customer_no AS "customerNo" FROM usage_event
      WHERE usage_event_id <> 'three' ORDER BY usage_event_id`,
  );
  rows = found.rows;
});
afterAll(async () => {
  await db.end();
  await api[Symbol.asyncDispose]();
});

const eraseOf = (customer: number, event: number, tenant = tenantId, of = tenant) =>
  withinTenant(tenant, () =>
    db.work.query<{ n: number }>('SELECT erase_usage_texts($1, $2, ARRAY[$3]::uuid[]) AS n', [
      of,
      rows[customer]!.customerNo,
      rows[event]!.key,
    ]),
  );
const begin = (customer: string) =>
  withinTenant(tenantId, () =>
    api.app.get(ErasureService).begin(tenantId, customer, { reason: 'a test' }),
  );

describe('the functions of an erasure', () => {
  it('do nothing but for an erasure that is under way', async () => {
    await expect(eraseOf(0, 0)).rejects.toMatchObject(RESTRICTED);
    await expect(
      withinTenant(tenantId, () =>
        db.work.query(`SELECT erase_audit_texts($1, 1, ARRAY[1])`, [tenantId]),
      ),
    ).rejects.toMatchObject(RESTRICTED);
    await expect(
      withinTenant(tenantId, () =>
        db.work.query(`SELECT erase_push_reasons($1, 1, ARRAY['x'])`, [tenantId]),
      ),
    ).rejects.toMatchObject(RESTRICTED);
  });

  it('believe no erasure that the audit does not tell of, and none goes away again', async () => {
    const forge = (customerNo: string, pseudonym: string) =>
      db.work.query(
        `INSERT INTO erasure (tenant_id, erasure_id, customer_no, pseudonym, reason, sought, hash_key,
                audit_sequence, phase, created_at)
         SELECT $1, gen_random_uuid(), $2, $3, '', '{}', '', max(sequence), 'audit', now()
           FROM audit_entry`,
        [tenantId, customerNo, pseudonym],
      );
    const reasonsLeft = async () =>
      (await api.pool.query('SELECT FROM audit_entry WHERE salt IS NOT NULL')).rows.length;
    const before = await reasonsLeft();
    const eraseAudit = (customerNo: string) =>
      withinTenant(tenantId, () =>
        db.work.query(
          'SELECT erase_audit_texts($1, $2, ARRAY(SELECT sequence FROM audit_entry)) AS n',
          [tenantId, customerNo],
        ),
      );
    // Of nobody, and of somebody who goes by that name.
    await forge('999', 'nobody');
    await expect(eraseAudit('999')).rejects.toMatchObject(RESTRICTED);
    await forge(rows[1]!.customerNo, 'two');
    await expect(eraseAudit(rows[1]!.customerNo)).rejects.toMatchObject(RESTRICTED);
    await expect(eraseOf(1, 1)).rejects.toMatchObject(RESTRICTED);
    expect(await reasonsLeft()).toBe(before);
    await expect(db.work.query('DELETE FROM erasure')).rejects.toMatchObject({ code: '42501' });
    await api.pool.query('DELETE FROM erasure');
  });

  it('take nothing out of the audit from the erasure on', async () => {
    await begin('three');
    const { rows: three } = await api.pool.query(
      `SELECT e.customer_no AS "customerNo", audit_sequence AS sequence FROM erasure e
         JOIN audit_entry a USING (tenant_id) WHERE a.sequence = audit_sequence`,
    );
    const { customerNo, sequence } = three[0];
    const erased = await withinTenant(tenantId, () =>
      db.work.query('SELECT erase_audit_texts($1, $2, ARRAY[$3::bigint, $3 - 1]) AS n', [
        tenantId,
        customerNo,
        sequence,
      ]),
    );
    expect(erased).toEqual([{ n: 1 }]);
    const { rows: own } = await api.pool.query(
      'SELECT salt IS NOT NULL AS told FROM audit_entry WHERE sequence = $1',
      [sequence],
    );
    expect(own).toEqual([{ told: true }]);
  });

  it('reach neither other customers nor other tenants', async () => {
    await begin('one');
    expect(await eraseOf(0, 1)).toEqual([{ n: 0 }]);
    const other = await api.app.get(TenantService).create('other');
    await expect(eraseOf(0, 0, other)).rejects.toMatchObject(RESTRICTED);
    await expect(eraseOf(0, 0, other, tenantId)).rejects.toMatchObject(RESTRICTED);
    // Outside of the work of a tenant.
    await expect(
      db.work.query('SELECT erase_usage_texts($1, $2, $3)', [
        tenantId,
        rows[0]!.customerNo,
        [rows[0]!.key],
      ]),
    ).rejects.toThrow();
    expect(await eraseOf(0, 0)).toEqual([{ n: 1 }]);
    const left = await api.pool.query(
      `SELECT usage_event_id AS id FROM usage_event
        WHERE usage_event_id IS DISTINCT FROM 'three' ORDER BY usage_event_id NULLS FIRST`,
    );
    expect(left.rows).toEqual([{ id: null }, { id: 'two' }]);
  });

  it.each([
    ['a quantity', `UPDATE usage_event SET quantity = 8`],
    [
      'an erased event with a text',
      `UPDATE usage_event SET usage_event_id = 'x', source = '', customer_id = 'x'`,
    ],
    ['a quantity in the ledger', `UPDATE usage_entry SET quantity = 8`],
    ['dimensions to other texts', `UPDATE usage_entry SET dimensions = '["us"]'`],
    [
      'erased dimensions and a quantity',
      `UPDATE usage_entry SET dimensions = '["erased_0123456789abcdef01234567"]', quantity = 8`,
    ],
    ['an id that is taken', `UPDATE usage_event_key SET fingerprint = fingerprint`],
  ])('are the only way, and not to %s, even for the owner', async (_, sql) => {
    await expect(api.pool.query(sql)).rejects.toMatchObject(RESTRICTED);
  });

  it('are the only ones of their kind that may be called where a process starts', async () => {
    const { rows: functions } = await api.pool.query(
      `SELECT proname AS name, has_function_privilege('public', oid, 'EXECUTE') AS "isPublic",
              has_function_privilege('${TENANT_ROLE}', oid, 'EXECUTE') AS "isOurs",
              'search_path=pg_catalog, pg_temp' = ANY (proconfig) AS "findsOursAlone"
         FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef ORDER BY 1`,
    );
    expect(functions).toEqual(
      OWNERS_FUNCTIONS.map((name) => ({
        name,
        isPublic: false,
        isOurs: true,
        findsOursAlone: true,
      })),
    );
    expect(await checkStart(api.databaseUrl)).toBe(SERVICE_ROLE);
    await api.pool.query(
      `CREATE FUNCTION open_door() RETURNS void LANGUAGE sql SECURITY DEFINER AS 'SELECT'`,
    );
    await expect(checkStart(api.databaseUrl)).rejects.toThrow('open_door');
  });
});
