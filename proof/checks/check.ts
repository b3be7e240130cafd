import type pg from 'pg';

/** One thing that must hold; each finding is a place where it does not. */
export interface Check {
  readonly name: string;
  /** Examples only, where there are many. */
  readonly findings: readonly string[];
  /** How many things it was held against: a check of nothing proves nothing. */
  readonly held: number;
}

const EXAMPLES_MAX = 5;

/**
 * Runs a check in SQL.
 *
 * @param wrong Selects whatever is wrong, as the text `finding`.
 * @param all Counts what was looked at, as `held`.
 */
export async function checkBySql(
  admin: pg.Client,
  name: string,
  wrong: string,
  all: string,
): Promise<Check> {
  const { rows: counted } = await admin.query<{ held: string }>(`SELECT (${all})::text AS held`);
  const { rows } = await admin.query<{ finding: string; more: string }>(
    `SELECT finding, count(*) OVER () AS more FROM (${wrong}) AS wrong
      ORDER BY finding LIMIT ${EXAMPLES_MAX}`,
  );
  const findings = rows.map(({ finding }) => finding);
  const more = Number(rows[0]?.more ?? 0) - findings.length;
  if (more > 0) findings.push(`and ${more} more`);
  return { name, findings, held: Number(counted[0]!.held) };
}
