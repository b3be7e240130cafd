import { loadModule } from 'libpg-query';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  KEYS_IN_PLACE,
  placementOf,
  type Placement,
} from '../../src/commands/distribute/placement.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { KNOWN_STATEMENTS, UNREAD } from './known-statements.js';
import { parsed } from './parsed.js';
import { sourceSql } from './source-sql.js';
import type { Node } from './sql-nodes.js';
import { StatementCheck, type Catalog, type Found, type Rule } from './sql-rules.js';

/** Fewer, and whoever collects them has gone blind. */
const TEXTS_MIN = 400;

let database: TestDatabase;
let catalog: Catalog;

beforeAll(async () => {
  await loadModule();
  database = await createTestDatabase();
  const tables = await rows<{ name: string; hasTenant: boolean }>(`
    SELECT c.relname AS name,
           EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id')
             AS "hasTenant"
      FROM pg_class c
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')`);
  const functions = await rows<{ name: string; worst: string }>(`
    SELECT proname AS name, max(translate(provolatile::text, 'isv', '012')) AS worst
      FROM pg_proc GROUP BY 1`);
  const placements = new Map<string, Placement>(
    tables.map(({ name, hasTenant }) => [name, placementOf(name, hasTenant)]),
  );
  const worst = new Map(functions.map((each) => [each.name, Number(each.worst)]));
  catalog = {
    placementOf: (table) => placements.get(table),
    volatilityOf: (name) => (['immutable', 'stable', 'volatile'] as const)[worst.get(name) ?? 0]!,
  };
}, 120_000);
afterAll(() => database[Symbol.asyncDispose]());

async function rows<Row extends object>(sql: string): Promise<Row[]> {
  return (await database.pool.query<Row>(sql)).rows;
}

function rulesBrokenBy(sql: string): Rule[] {
  const statements = parsed(sql);
  if (statements === undefined) throw new Error(`no SQL: ${sql}`);
  return brokenBy(statements)
    .map(({ rule }) => rule)
    .toSorted();
}

/** @param statements Of one text, which is sent as one message. */
function brokenBy(statements: Node[]): Found[] {
  const isOne = statements.length === 1;
  const hasSet = statements.some((statement) => statement.VariableSetStmt !== undefined);
  return [
    ...statements.flatMap((statement) => new StatementCheck(catalog).run(statement)),
    ...(hasSet && !isOne ? [{ rule: 'set-among-others' as const, about: 'SET' }] : []),
  ];
}

describe("the product's SQL", () => {
  it('breaks no rule of Citus but where the list says so', () => {
    const broken = new Set<string>();
    const unread = new Set<string>();
    const texts = sourceSql();
    expect(texts.length).toBeGreaterThan(TEXTS_MIN);
    for (const { file, variants } of texts) {
      for (const text of variants) {
        const statements = parsed(text);
        if (statements === undefined) unread.add(file);
        for (const { rule, about } of brokenBy(statements ?? [])) {
          broken.add(`${rule} ${file} ${about}`);
        }
      }
    }

    const known = KNOWN_STATEMENTS.flatMap(({ rule, places }) =>
      places.map((place) => `${rule} ${place}`),
    );
    expect([...broken].toSorted()).toEqual(known.toSorted());
    expect([...unread].toSorted()).toEqual([...UNREAD].toSorted());
  }, 300_000);
});

describe('the check of a statement', () => {
  it.each<[Rule[], string]>([
    [[], 'SELECT * FROM push WHERE tenant_id = $1 FOR UPDATE SKIP LOCKED'],
    [[], 'SELECT * FROM push p JOIN push_lane l USING (tenant_id, lane_id) WHERE p.tenant_id = $1'],
    [[], 'UPDATE push SET created_at = now() WHERE tenant_id = $1'],
    [
      [],
      'INSERT INTO push_work (tenant_id, meter_no) SELECT $1, m FROM unnest($2::int[]) m RETURNING 1',
    ],
    [[], 'INSERT INTO push_work (tenant_id) SELECT tenant_id FROM push WHERE tenant_id = $1'],
    [
      ['insert-by-copy'],
      'INSERT INTO push_work (tenant_id, meter_no) SELECT $1, m FROM unnest($2::int[]) m',
    ],
    [[], 'INSERT INTO audit_head (sequence, tenant_id) VALUES (1, $1) ON CONFLICT DO NOTHING'],
    [[], 'SELECT pg_advisory_xact_lock(1, tenant_no) FROM tenant WHERE tenant_id = $1'],
    [[], 'SELECT installation_id FROM installation, tenant WHERE tenant_id = $1'],
    [[], 'SET LOCAL lock_timeout = 100'],
    [
      ['reads-across-tenants'],
      'SELECT FROM tenant t WHERE EXISTS (SELECT FROM push p WHERE p.tenant_id = t.tenant_id)',
    ],
    [['reads-across-tenants'], 'SELECT * FROM push WHERE tenant_id = $1 OR status = $2'],
    [
      ['locks-across-tenants', 'reads-across-tenants'],
      'SELECT * FROM push WHERE status = $1 FOR UPDATE SKIP LOCKED',
    ],
    [
      ['joins-not-by-tenant', 'reads-across-tenants'],
      'SELECT * FROM push p JOIN push_lane l USING (lane_id) WHERE p.tenant_id = $1',
    ],
    [['joins-local-table'], 'SELECT * FROM push, stripe_pace WHERE tenant_id = $1'],
    [['writes-across-tenants'], 'DELETE FROM push_work WHERE closed'],
    [['writes-across-tenants'], 'INSERT INTO tenant (name, hash_key) VALUES ($1, $2)'],
    [
      ['writes-across-tenants'],
      'INSERT INTO push_work (tenant_id, meter_no) SELECT t, m FROM unnest($1::uuid[], $2::int[]) k (t, m) RETURNING 1',
    ],
    [
      ['inserts-in-expression'],
      `WITH gone AS (DELETE FROM push_work WHERE tenant_id = $1 RETURNING *),
            made AS (INSERT INTO push_unplanned (tenant_id) SELECT tenant_id FROM gone RETURNING 1)
       SELECT FROM gone`,
    ],
    [
      ['expression-before-insert'],
      `WITH gone AS (DELETE FROM push_work WHERE tenant_id = $1 RETURNING *)
       INSERT INTO push_unplanned (tenant_id) SELECT tenant_id FROM gone RETURNING 1`,
    ],
    [
      ['select-inside-values'],
      'INSERT INTO push_work (tenant_id, created_at) VALUES ($1, (SELECT now()))',
    ],
    [
      ['changing-function-in-update'],
      'UPDATE push SET created_at = clock_timestamp() WHERE tenant_id = $1',
    ],
    [
      ['changing-function-in-where'],
      'DELETE FROM push WHERE tenant_id = $1 AND lease_until < clock_timestamp()',
    ],
    [
      ['changing-function-in-conflict'],
      `INSERT INTO audit_head (tenant_id) VALUES ($1)
       ON CONFLICT (tenant_id) DO UPDATE SET at = now()`,
    ],
    [
      ['changing-function-in-returning'],
      'UPDATE push SET reason = NULL WHERE tenant_id = $1 RETURNING now()',
    ],
    [
      ['changing-function-in-choice'],
      'UPDATE push SET created_at = coalesce(created_at, now()) WHERE tenant_id = $1',
    ],
    [
      ['advisory-lock-elsewhere'],
      'SELECT pg_advisory_xact_lock(1, meter_no) FROM meter WHERE tenant_id = $1',
    ],
    [['set-config'], `SELECT set_config('countonce.tenant_id', $1, true)`],
    [['physical-row'], 'DELETE FROM usage_delta WHERE tenant_id = $1 AND ctid = ANY ($2)'],
    [['moves-tenant'], 'UPDATE push SET tenant_id = $2 WHERE tenant_id = $1'],
    [['whole-table'], 'TRUNCATE usage_delta'],
    [['whole-table'], 'LOCK TABLE usage_delta IN SHARE MODE'],
    [
      ['detach-concurrently'],
      'ALTER TABLE usage_event DETACH PARTITION usage_event_2026_01 CONCURRENTLY',
    ],
    [['session-setting'], `SET countonce.tenant_id = 'x'`],
    [['set-among-others'], `BEGIN; SET LOCAL ROLE countonce_tenant; SELECT 1`],
    [
      ['tenant-not-said'],
      `SELECT FROM (SELECT * FROM push WHERE tenant_id = $1 LIMIT 1) p
         JOIN push_lane l ON l.tenant_id = p.tenant_id AND l.lane_id = p.lane_id`,
    ],
    [
      ['tenant-not-said'],
      `SELECT FROM push p WHERE p.tenant_id = $1 AND (p.sequence = 1 OR EXISTS (
         SELECT FROM push_lane l WHERE l.tenant_id = p.tenant_id AND l.lane_id = p.lane_id))`,
    ],
  ])('finds %j', (rules, sql) => {
    expect(rulesBrokenBy(sql)).toEqual(rules);
  });
});

describe('the tables', () => {
  it('have no unique key without the tenant but those that `distribute` replaces', async () => {
    const keys = await rows<{ name: string; table: string }>(`
      SELECT k.relname AS name, c.relname AS "table"
        FROM pg_index x
        JOIN pg_class k ON k.oid = x.indexrelid
        JOIN pg_class c ON c.oid = x.indrelid AND c.relnamespace = 'public'::regnamespace
        JOIN pg_attribute t ON t.attrelid = c.oid AND t.attname = 'tenant_id'
       WHERE x.indisunique AND t.attnum <> ALL (x.indkey::smallint[])`);

    expect(keys.map(({ name }) => name).toSorted()).toEqual(
      KEYS_IN_PLACE.map(({ name }) => name).toSorted(),
    );
  });

  it('have foreign keys between tables with a tenant, the tenant first in both', async () => {
    const others = await rows(`
      SELECT f.conname
        FROM pg_constraint f
        LEFT JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = f.conkey[1]
        LEFT JOIN pg_attribute b ON b.attrelid = f.confrelid AND b.attnum = f.confkey[1]
       WHERE f.contype = 'f' AND f.connamespace = 'public'::regnamespace
         AND (a.attname <> 'tenant_id' OR b.attname <> 'tenant_id' OR f.confdeltype <> 'a'
              OR f.confupdtype <> 'a')`);

    expect(others).toEqual([]);
  });

  it('have policies without a SELECT inside', async () => {
    const others = await rows(`
      SELECT tablename, policyname FROM pg_policies WHERE concat(qual, with_check) ~* 'select'`);

    expect(others).toEqual([]);
  });

  it('have no computed tenant', async () => {
    const others = await rows(`
      SELECT attrelid FROM pg_attribute WHERE attname = 'tenant_id' AND attgenerated <> ''`);

    expect(others).toEqual([]);
  });
});
