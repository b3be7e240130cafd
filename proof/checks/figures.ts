import type pg from 'pg';

/** What came of it all, for the table. */
export interface Figures {
  readonly distinct: number;
  readonly unresolved: number;
  readonly ledgerEvents: number;
  readonly entries: number;
  readonly totals: number;
  readonly late: number;
  readonly statements: number;
  readonly pushes: number;
  readonly pushesRetried: number;
  readonly closes: number;
  readonly stripeFaults: number;
}

const FIGURES = `
  SELECT (SELECT count(DISTINCT (tenant, usage_event_id)) FROM proof.sent) AS distinct,
         (SELECT count(*) FROM (SELECT request FROM proof.sent
                                EXCEPT SELECT request FROM proof.answered) r) AS unresolved,
         (SELECT count(*) FROM proof.recorded) AS "ledgerEvents",
         (SELECT count(*) FROM usage_entry) AS entries,
         (SELECT count(*) FROM usage_total) AS totals,
         (SELECT count(*) FROM usage_entry WHERE late) AS late,
         (SELECT count(*) FROM billing_period WHERE closed_at IS NOT NULL) AS statements,
         (SELECT count(*) FROM push WHERE attempts > 0) AS pushes,
         (SELECT count(*) FROM push WHERE attempts > 1) AS "pushesRetried"`;

export async function readFigures(
  admin: pg.Client,
  beside: Pick<Figures, 'closes' | 'stripeFaults'>,
): Promise<Figures> {
  const { rows } = await admin.query<Record<keyof Figures, string>>(FIGURES);
  const counted = Object.entries(rows[0]!).map(([name, count]) => [name, Number(count)]);
  return { ...(Object.fromEntries(counted) as unknown as Figures), ...beside };
}
