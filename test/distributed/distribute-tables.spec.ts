import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { distributeTables } from '../../src/commands/distribute/distribute-tables.js';
import { Connections } from '../../src/database/connections.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';

/**
 * What `distribute` asks of Citus, played on plain PostgreSQL: nothing is spread, but each table is refused
 * that has what Citus refuses. That Citus refuses just this is taken from its source, not from a run.
 */
const PLAYED = `
  CREATE TABLE pg_dist_partition (logicalrelid regclass PRIMARY KEY);
  CREATE TABLE pg_dist_object (classid oid, objid oid, distribution_argument_index integer);
  CREATE TABLE refused (name text);
  CREATE FUNCTION run_command_on_all_nodes(command text)
  RETURNS TABLE (success boolean, result text) LANGUAGE plpgsql AS $$
  DECLARE
    is_so boolean;
  BEGIN
    success := true;
    IF command LIKE 'SELECT %' THEN EXECUTE command INTO is_so; ELSE EXECUTE command; END IF;
    result := left(is_so::text, 1);
    RETURN NEXT;
  END $$;
  CREATE FUNCTION create_distributed_function(
    f regprocedure, argument text = '', colocate_with text = '', force_delegation boolean = false)
  RETURNS void LANGUAGE sql AS $$
    INSERT INTO pg_dist_object VALUES ('pg_proc'::regclass, f, 0) $$;
  CREATE FUNCTION create_reference_table(t regclass) RETURNS void LANGUAGE sql AS $$
    INSERT INTO pg_dist_partition VALUES (t) $$;
  CREATE FUNCTION truncate_local_data_after_distributing_table(t regclass) RETURNS void
  LANGUAGE plpgsql AS $$ BEGIN EXECUTE format('TRUNCATE %s CASCADE', t); END $$;
  CREATE FUNCTION create_distributed_table(t regclass, col text, colocate_with text) RETURNS void
  LANGUAGE plpgsql AS $$
  BEGIN
    IF t::text IN (SELECT name FROM refused) THEN RAISE EXCEPTION 'a worker is gone'; END IF;
    IF EXISTS (SELECT FROM pg_trigger
                WHERE tgrelid IN (SELECT t UNION SELECT relid FROM pg_partition_tree(t))
                  AND NOT tgisinternal) THEN
      RAISE EXCEPTION 'cannot distribute relation % because it has triggers', t;
    END IF;
    IF EXISTS (SELECT FROM pg_constraint WHERE contype = 'f' AND t IN (conrelid, confrelid)) THEN
      RAISE EXCEPTION 'relation % has foreign keys', t;
    END IF;
    IF EXISTS (SELECT FROM pg_index x JOIN pg_attribute a ON a.attrelid = t AND a.attname = col
                WHERE x.indrelid = t AND x.indisunique
                  AND a.attnum <> ALL (x.indkey::smallint[])) THEN
      RAISE EXCEPTION 'cannot create constraint on %', t;
    END IF;
    IF colocate_with <> 'none'
       AND colocate_with::regclass NOT IN (SELECT logicalrelid FROM pg_dist_partition) THEN
      RAISE EXCEPTION 'relation % is not distributed', colocate_with;
    END IF;
    INSERT INTO pg_dist_partition VALUES (t);
  END $$`;

const FOREIGN_KEYS = `
  SELECT conname, conrelid::regclass::text AS of, pg_get_constraintdef(oid) AS definition
    FROM pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace ORDER BY 1`;

function onCitus(key: Record<string, unknown>): Record<string, unknown> {
  if (key['conname'] !== 'push_transition_fkey') return key;
  return { ...key, definition: `${String(key['definition'])} DEFERRABLE INITIALLY DEFERRED` };
}

let database: TestDatabase;
let db: Connections;
beforeEach(async () => {
  database = await createTestDatabase();
  await database.pool.query(PLAYED);
  const name = new URL(database.url).pathname.slice(1);
  await database.pool.query(`ALTER DATABASE ${name} SET citus.propagate_set_commands = 'none'`);
  db = new Connections(database.url, 'distribute', 1);
});
afterEach(async () => {
  await db.end();
  await database[Symbol.asyncDispose]();
});

async function again(): Promise<string[]> {
  await db.end();
  db = new Connections(database.url, 'distribute', 1);
  return (await distributeTables(db)).map(({ what }) => what);
}

async function rows(sql: string): Promise<Record<string, unknown>[]> {
  return (await database.pool.query<Record<string, unknown>>(sql)).rows;
}

describe('distributing the tables', () => {
  it('takes off what is refused, and ends with every table placed and every foreign key back', async () => {
    const before = await rows(FOREIGN_KEYS);

    await distributeTables(db);

    expect(await rows(FOREIGN_KEYS)).toEqual(before.map(onCitus));
    const left = await rows(`
      SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND attname = 'tenant_id'
       WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
         AND NOT c.relispartition AND c.oid NOT IN (SELECT logicalrelid FROM pg_dist_partition)`);
    expect(left).toEqual([]);
    expect(await rows(`SELECT to_regclass('public.distribution_foreign_key') AS saved`)).toEqual([
      { saved: null },
    ]);
    expect(await again()).toEqual([]);
  });

  it('goes on after it was cut off, and loses no foreign key by that', async () => {
    const before = await rows(FOREIGN_KEYS);
    await database.pool.query(`INSERT INTO refused VALUES ('push')`);
    await expect(distributeTables(db)).rejects.toMatchObject({
      code: 'distribution_failed',
      message: expect.stringContaining('distribute push (P0001: a worker is gone)'),
    });
    expect(await rows(FOREIGN_KEYS)).toEqual([]);

    await database.pool.query('DELETE FROM refused');
    const done = await again();

    expect(done).toContain('distribute push');
    expect(done).not.toContain('distribute customer');
    expect(await rows(FOREIGN_KEYS)).toEqual(before.map(onCitus));
    expect(await again()).toEqual([]);
  });

  it('does not end well where a step has no effect', async () => {
    await database.pool.query(`
      CREATE OR REPLACE FUNCTION create_reference_table(t regclass) RETURNS void LANGUAGE sql
      AS $$ SELECT $$`);
    await expect(distributeTables(db)).rejects.toMatchObject({
      code: 'distribution_failed',
      message: expect.stringContaining('copy installation to every node: no error'),
    });
  });

  it('leaves months to be made that have no triggers', async () => {
    await distributeTables(db);
    await database.pool.query(`SELECT make_usage_month('usage_event', '2031-05-01T00:00:00Z')`);

    const triggers = await rows(`
      SELECT tgname FROM pg_trigger
       WHERE tgrelid = 'usage_event_2031_05'::regclass AND NOT tgisinternal`);
    expect(triggers).toEqual([]);
  });

  it('keeps one call at a time for a customer and event, within the tenant', async () => {
    await distributeTables(db);

    const [key] = await rows(
      `SELECT pg_get_indexdef('push_in_flight_key'::regclass) AS definition`,
    );
    expect(key!['definition']).toMatch(/UNIQUE INDEX .*\(tenant_id, account_id, .*'sending'/);
  });
});
