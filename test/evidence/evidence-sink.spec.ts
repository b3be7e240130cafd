import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FileSink } from '../../src/commands/evidence/evidence-writer.js';
import { builtCli } from '../support/built-cli.js';
import { removeFolder, temporaryFolder } from '../support/temporary-folder.js';

const BUILT = fileURLToPath(
  new URL('../../dist/src/commands/evidence/evidence-writer.js', import.meta.url),
);

let folder: string;
beforeAll(async () => {
  await builtCli();
  folder = temporaryFolder();
}, 240_000);
afterAll(() => removeFolder(folder));

const partsOf = (name: string) =>
  readdirSync(folder).filter((each) => each.startsWith(name) && each.endsWith('.part'));

describe('the file that evidence is written into', () => {
  it('is read by its owner only', async () => {
    const path = join(folder, 'own');
    const sink = await FileSink.open(path, false);
    const [part] = partsOf('own');
    expect(statSync(join(folder, part!)).mode & 0o777).toBe(0o600);
    await sink.write('a');
    await sink.finish();
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readFileSync(path, 'utf8')).toBe('a');
    expect(partsOf('own')).toEqual([]);
  });

  it('is that of one export, where two write at once', async () => {
    const path = join(folder, 'two');
    const [one, other] = [await FileSink.open(path, true), await FileSink.open(path, true)];
    await Promise.all([one.write('1'), other.write('2')]);
    await one.finish();
    expect(readFileSync(path, 'utf8')).toBe('1');
    await other.finish();
    expect(readFileSync(path, 'utf8')).toBe('2');
    expect(partsOf('two')).toEqual([]);
  });

  it('does not take the place of one that has come meanwhile', async () => {
    const path = join(folder, 'came');
    const sink = await FileSink.open(path, false);
    writeFileSync(path, 'of another');
    await expect(sink.finish()).rejects.toMatchObject({ code: 'file_exists' });
    await sink.drop();
    expect(readFileSync(path, 'utf8')).toBe('of another');
    expect(partsOf('came')).toEqual([]);
  });

  it('does not go where a link points', async () => {
    const path = join(folder, 'linked');
    writeFileSync(join(folder, 'target'), 'kept');
    for (const name of ['linked', 'linked.part']) {
      symlinkSync(join(folder, 'target'), join(folder, name));
    }
    const sink = await FileSink.open(path, true);
    await sink.write('evidence');
    await sink.finish();
    expect(readFileSync(join(folder, 'target'), 'utf8')).toBe('kept');
    expect(readFileSync(path, 'utf8')).toBe('evidence');
  });

  it('is not taken for whole where the system wrote a part of it only', () => {
    const code = `
      const { FileSink } = await import(${JSON.stringify(BUILT)});
      const sink = await FileSink.open(${JSON.stringify(join(folder, 'short'))}, false);
      try { await sink.write('x'.repeat(100_000)); await sink.finish(); }
      catch (error) { process.stdout.write(error.code); }`;
    // A file of at most 8 blocks: the write that goes beyond ends there, and says so.
    const { stdout } = spawnSync('sh', ['-c', 'ulimit -f 8 && exec "$0" "$@"', ...nodeOf(code)], {
      encoding: 'utf8',
    });
    expect(stdout).toBe('EFBIG');
    expect(readdirSync(folder)).not.toContain('short');
  });
});

function nodeOf(code: string): string[] {
  return [process.execPath, '--input-type=module', '--eval', code];
}
