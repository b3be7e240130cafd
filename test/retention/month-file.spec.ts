import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MonthOutcome } from '../../src/retention/retention.js';
import type { History } from '../replay/history.js';
import { removeFolder, temporaryFolder } from '../support/temporary-folder.js';
import { APRIL, MONTHS, openOldHistory, retain } from './retention-scene.js';

let history: History;
let folder: string;
let outcomes: MonthOutcome[];
beforeAll(async () => {
  folder = temporaryFolder();
  history = await openOldHistory();
  outcomes = await retain(history, APRIL, folder);
}, 300_000);
afterAll(async () => {
  await history[Symbol.asyncDispose]();
  removeFolder(folder);
});

const linesOf = (file: string): any[] =>
  gunzipSync(readFileSync(file))
    .toString()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

describe('the file of a month', () => {
  it('is the one that the database tells of, whole, and for its owner alone', async () => {
    expect(readdirSync(folder)).toHaveLength(MONTHS.length);
    for (const { file, sha256, events, entries } of outcomes) {
      expect(createHash('sha256').update(readFileSync(file!)).digest('hex')).toBe(sha256);
      expect(statSync(file!).mode & 0o777).toBe(0o600);
      const lines = linesOf(file!);
      expect(lines[0]).toMatchObject({ type: 'header', format: 'countonce-month', version: 1 });
      expect(lines.at(-1)).toEqual({ type: 'end', events, entries });
      expect(lines.filter(({ type }) => type === 'event')).toHaveLength(events!);
      expect(lines.filter(({ type }) => type === 'entry')).toHaveLength(entries!);
    }
    const { rows } = await history.app.pool.query(
      'SELECT state, file, sha256, events, entries FROM retained_month ORDER BY month',
    );
    expect(rows).toMatchObject(
      outcomes.map(({ file, sha256 }) => ({ state: 'dropped', file, sha256 })),
    );
  });

  it('adds up to the checkpoint', async () => {
    for (const [i, { file }] of outcomes.entries()) {
      const { rows } = await history.app.pool.query<{ meter: string; sum: string; count: number }>(
        `SELECT m.key AS meter, trim_scale(sum(quantity_sum))::text AS sum,
                sum(entry_count)::int AS count
           FROM usage_checkpoint c JOIN meter m USING (tenant_id, meter_no)
          WHERE month = $1 GROUP BY 1 ORDER BY 1`,
        [`${MONTHS[i]}-01`],
      );
      const entries = linesOf(file!).filter(({ type }) => type === 'entry');
      const meters = [...new Set(entries.map(({ meter }) => meter))].toSorted();
      expect(rows.map(({ meter }) => meter)).toEqual(meters);
      for (const { meter, sum, count } of rows) {
        const own = entries.filter((entry) => entry.meter === meter);
        const signs = own.map(({ is_void }) => (is_void ? -1 : 1));
        expect(signs.reduce((total, sign) => total + sign, 0)).toBe(count);
        const total = own.reduce((all, { quantity }, n) => all + signs[n]! * Number(quantity), 0);
        expect(total).toBeCloseTo(Number(sum), 6);
      }
    }
  });
});
