import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from './support/database.js';
import { dumpSchema } from './support/schema-dump.js';

/** Holds for the whole database. */
const TABLES_BEYOND_TENANTS = [
  'installation',
  // A month leaves the ledger of all tenants at once.
  'retained_month',
  // Stripe's limits know nothing of our tenants.
  'stripe_pace',
  'stripe_reads',
];
const KEYS_BEYOND_TENANTS = [
  // The key says who calls: it is looked up to learn the tenant.
  'api_key_key_hash_key',
  // Stripe's limit on concurrent calls knows nothing of our tenants.
  'push_in_flight_key',
  'retained_month_pkey',
  'stripe_pace_pkey',
  'stripe_reads_pkey',
  // They make the tenants, or the only row.
  'tenant_tenant_no_key',
  'tenant_name_key',
  'installation_pkey',
];
/** Codes of ours, from a closed list: they are compared, but never sorted or taken from outside. */
const CODES = ['push_hold.reason', 'push_transition.to_status', 'reconciliation.cause'];

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database[Symbol.asyncDispose]());

async function namesOf(sql: string): Promise<string[]> {
  const { rows } = await database.pool.query<{ name: string }>(sql);
  return rows.map(({ name }) => name);
}

describe('the schema', () => {
  it('is the one that test/schema.sql shows', async () => {
    await expect(await dumpSchema(database.pool)).toMatchFileSnapshot('schema.sql');
  });

  it('has tables that begin with the tenant', async () => {
    const others = await namesOf(`
      SELECT c.relname AS name
        FROM pg_class c
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = 1
       WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
         AND c.relname <> 'migration' AND a.attname <> 'tenant_id'`);

    expect(others.toSorted()).toEqual(TABLES_BEYOND_TENANTS.toSorted());
  });

  it('has unique keys that begin with the tenant, so that it can be distributed by it', async () => {
    const others = await namesOf(`
      SELECT k.relname AS name
        FROM ${UNIQUE_KEYS}
       WHERE x.indkey[0] = 0 OR pg_get_indexdef(k.oid, 1, true) <> 'tenant_id'`);
    expect(others.toSorted()).toEqual(KEYS_BEYOND_TENANTS.toSorted());
  });

  it('tells unique texts apart byte by byte, whatever the locale of the database', async () => {
    const others = await namesOf(`
      SELECT DISTINCT c.relname || '.' || a.attname AS name
        FROM ${UNIQUE_KEYS}
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (x.indkey::smallint[])
        JOIN pg_collation o ON o.oid = a.attcollation
       WHERE o.collname <> 'C'`);

    expect(others.toSorted()).toEqual(CODES);
  });

  it('names every constraint and index after its table and what it is', async () => {
    const others = await namesOf(`
      SELECT n.name
        FROM (SELECT k.conname AS name, c.relname AS table_name,
                     CASE k.contype WHEN 'p' THEN 'pkey' WHEN 'u' THEN 'key' WHEN 'f' THEN 'fkey'
                                    WHEN 'c' THEN 'check' ELSE '?' END AS suffix
                FROM pg_constraint k
                JOIN pg_class c ON c.oid = k.conrelid
               WHERE k.contype <> 'n'
               UNION ALL
              SELECT k.relname, c.relname, CASE WHEN x.indisunique THEN 'p?key' ELSE 'idx' END
                FROM pg_index x
                JOIN pg_class k ON k.oid = x.indexrelid
                JOIN pg_class c ON c.oid = x.indrelid
               WHERE c.relkind IN ('r', 'p')) n
        JOIN pg_class t ON t.relname = n.table_name
       WHERE t.relnamespace = 'public'::regnamespace AND t.relname <> 'migration'
         -- A part takes the names of its table.
         AND NOT t.relispartition
         AND n.name !~ ('^' || n.table_name || '_([a-z_]+_)?' || n.suffix || '$')`);

    expect(others).toEqual([]);
  });

  it('keeps every instant with its time zone', async () => {
    const others = await namesOf(`
      SELECT table_name || '.' || column_name AS name
        FROM information_schema.columns
       WHERE table_schema = 'public' AND table_name <> 'migration'
         AND data_type IN ('timestamp without time zone', 'date', 'time without time zone')`);

    expect(others).toEqual([]);
  });
});

/** Every unique index `k` of a table `c` of ours, with its definition `x`. */
const UNIQUE_KEYS = `pg_index x
        JOIN pg_class k ON k.oid = x.indexrelid AND x.indisunique
        JOIN pg_class c ON c.oid = x.indrelid
         AND c.relnamespace = 'public'::regnamespace AND c.relname <> 'migration'`;
