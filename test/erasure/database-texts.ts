import type pg from 'pg';

interface Table {
  readonly table: string;
  readonly columns: readonly string[];
  readonly isOfTenants: boolean;
}

/** Every table that there is, so that one that is made later is looked at as well; parts by their whole. */
async function tables(pool: pg.Pool): Promise<Table[]> {
  const { rows } = await pool.query<Table>(
    `SELECT c.oid::regclass::text AS table, array_agg(a.attname::text ORDER BY a.attnum) AS columns,
            bool_or(a.attname = 'tenant_id') AS "isOfTenants"
       FROM pg_class c
       JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
       JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p', 'm') AND NOT c.relispartition AND n.nspname <> 'information_schema'
        AND n.nspname NOT LIKE 'pg\\_%'
      GROUP BY c.oid ORDER BY 1`,
  );
  return rows;
}

/**
 * Where a text stands, in any column of any table, plain, in JSON or in bytes.
 *
 * @param except A tenant whose rows are left out.
 * @returns As `table.column`.
 */
async function placesOf(pool: pg.Pool, text: string, except: string): Promise<string[]> {
  const places: string[] = [];
  for (const { table, columns, isOfTenants } of await tables(pool)) {
    const hits = columns.map(
      (column) => `bool_or(strpos(lower(t."${column}"::text), lower($1)) > 0
           OR strpos(lower(to_json(t."${column}")::text), lower($1)) > 0
           OR strpos(lower(t."${column}"::text), encode(convert_to($1, 'UTF8'), 'hex')) > 0)`,
    );
    const { rows } = await pool.query<{ found: (boolean | null)[] }>(
      `SELECT ARRAY[${hits.join(', ')}] AS found FROM ${table} t
        WHERE ${isOfTenants ? 't.tenant_id' : 'gen_random_uuid()'} <> $2`,
      [text, except],
    );
    const { found } = rows[0]!;
    places.push(...columns.filter((_, i) => found[i]).map((column) => `${table}.${column}`));
  }
  return places;
}

const NOBODY = '00000000-0000-0000-0000-000000000000';

/** By text, where it stands; texts that are nowhere are left out. */
export async function placesOfAll(
  pool: pg.Pool,
  texts: readonly string[],
  except = NOBODY,
): Promise<Record<string, string[]>> {
  const found: Record<string, string[]> = {};
  for (const text of texts) {
    const places = await placesOf(pool, text, except);
    if (places.length > 0) found[text] = places;
  }
  return found;
}

/** All that a tenant has, by table. */
export async function rowsOfTenant(
  pool: pg.Pool,
  tenantId: string,
): Promise<Record<string, string[]>> {
  const all: Record<string, string[]> = {};
  for (const { table, isOfTenants } of await tables(pool)) {
    if (!isOfTenants) continue;
    const { rows } = await pool.query<{ row: string }>(
      `SELECT t::text AS row FROM ${table} t WHERE t.tenant_id = $1 ORDER BY 1`,
      [tenantId],
    );
    all[table] = rows.map(({ row }) => row);
  }
  return all;
}
