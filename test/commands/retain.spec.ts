import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { History } from '../replay/history.js';
import { MONTHS, openOldHistory } from '../retention/retention-scene.js';
import { removeFolder, temporaryFolder } from '../support/temporary-folder.js';
import { runCli } from './cli.js';

let history: History;
let folder: string;
beforeAll(async () => {
  history = await openOldHistory(7);
  folder = temporaryFolder();
});
afterAll(async () => {
  await history[Symbol.asyncDispose]();
  removeFolder(folder);
});

const retain = (...args: string[]) =>
  runCli(['retain', ...args], { DATABASE_URL: history.app.databaseUrl });
const eventsLeft = async () =>
  (await history.app.pool.query('SELECT FROM usage_event')).rowCount ?? 0;

describe('retain', () => {
  it('says what is wrong with what it is asked, and does nothing', async () => {
    for (const age of ['1', 'yesterday', '2026-13', '-3months']) {
      const { code, stderr } = await retain(`--older-than=${age}`);
      expect([age, code]).toEqual([age, 2]);
      expect(stderr).toContain('13months');
    }
    const nowhere = await retain('--older-than', '2026-04', '--to', join(folder, 'nowhere'));
    expect(nowhere.code).toBe(1);
    expect(nowhere.stderr).toContain('cannot be written to');
    expect((await retain()).code).toBe(2);
  });

  it('rehearses without a trace', async () => {
    const before = await eventsLeft();
    const { code, json } = await retain('--older-than', '2026-04', '--dry-run', '--json');
    expect([code, json.dry_run]).toEqual([0, true]);
    expect(json.months.map((m: any) => [m.month, m.status])).toEqual(
      MONTHS.map((month) => [month, 'may_leave']),
    );
    expect(await eventsLeft()).toBe(before);
  });

  it('writes the months into files, and has nothing left to do after it', async () => {
    const before = await eventsLeft();
    const { code, json, stderr } = await retain(
      '--older-than',
      '2026-04',
      '--to',
      folder,
      '--json',
    );
    expect([code, json.dry_run]).toEqual([0, false]);
    expect(stderr).toContain('2026-01: dropping it');
    let events = 0;
    for (const [i, { month, status, file, sha256 }] of json.months.entries()) {
      expect([month, status]).toEqual([MONTHS[i], 'left']);
      const bytes = readFileSync(file);
      expect(createHash('sha256').update(bytes).digest('hex')).toBe(sha256);
      const lines = gunzipSync(bytes).toString().trim().split('\n');
      events += JSON.parse(lines.at(-1)!).events;
    }
    expect(events).toBe(before);
    expect(await eventsLeft()).toBe(0);

    const again = await retain('--older-than', '2026-04', '--to', folder);
    expect([again.code, again.stdout]).toEqual([0, 'No month is that old.\n']);
  });

  it('says so where no month is that old', async () => {
    const { code, stdout } = await retain('--older-than', '0 days', '--dry-run');
    expect([code, stdout]).toEqual([0, 'No month is that old.\n']);
  });
});
