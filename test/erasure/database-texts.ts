import type pg from 'pg';

/**
 * Where a text stands, anywhere in the database: every column of every table that there is, as text,
 * so that a table that is made later is searched as well.
 *
 * @returns As `table.column`, sorted.
 */
export async function placesOf(pool: pg.Pool, text: string): Promise<string[]> {
  const { rows: columns } = await pool.query<{ table: string; column: string }>(
    `SELECT c.oid::regclass::text AS table, a.attname AS column
       FROM pg_class c
       JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
       JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p', 'm') AND n.nspname <> 'information_schema'
        AND n.nspname NOT LIKE 'pg\\_%'
      ORDER BY 1, 2`,
  );
  const places: string[] = [];
  for (const { table, column } of columns) {
    const { rows } = await pool.query(
      `SELECT FROM ${table} t
        WHERE strpos(lower(t."${column}"::text), lower($1)) > 0
           OR strpos(lower(to_json(t."${column}")::text), lower($1)) > 0
           OR strpos(lower(t."${column}"::text), encode(convert_to($1, 'UTF8'), 'hex')) > 0 LIMIT 1`,
      [text],
    );
    if (rows.length > 0) places.push(`${table}.${column}`);
  }
  return places;
}

/** By text, where it stands; texts that are nowhere are left out. */
export async function placesOfAll(
  pool: pg.Pool,
  texts: readonly string[],
): Promise<Record<string, string[]>> {
  const found: Record<string, string[]> = {};
  for (const text of texts) {
    const places = await placesOf(pool, text);
    if (places.length > 0) found[text] = places;
  }
  return found;
}
