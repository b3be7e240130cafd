import { randomBytes } from 'node:crypto';
import { cp, chmod, mkdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { arch, platform } from 'node:os';
import { basename, dirname, extname, join, relative } from 'node:path';
import { EmbeddedPostgresError } from './embedded-postgres-error.js';
import { exists } from './path-exists.js';
import { canReach, type ServerUser } from './server-user.js';

/** PostgreSQL's programs in a place where the server's user can run them. */
export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
}

interface Package {
  readonly root: string;
  readonly version: string;
  readonly links: readonly { readonly source: string; readonly target: string }[];
}

/**
 * Finds the PostgreSQL of the npm package for this platform and makes it runnable: npm drops
 * symbolic links, which the package's install script would restore, but install scripts may be
 * switched off. Where node_modules cannot be written, or not be reached by the server's user (a
 * project under /root), a private copy is made in `cacheDir`.
 */
export async function prepareBinaries(
  user: ServerUser | undefined,
  cacheDir: string,
): Promise<Binaries> {
  const found = await locatePackage();
  const inPlace = programsIn(found.root);
  if ((await restoreLinks(found.root, found.links)) && (await runnable(user, inPlace))) {
    return inPlace;
  }
  const copy = join(cacheDir, `postgresql-${found.version}`);
  if (!(await exists(copy))) await copyPackage(found, copy);
  return programsIn(copy);
}

async function locatePackage(): Promise<Package> {
  try {
    const own = createRequire(import.meta.url);
    // The platform's package is a dependency of embedded-postgres, not of ours.
    const theirs = createRequire(own.resolve('embedded-postgres'));
    const root = dirname(dirname(theirs.resolve(`@embedded-postgres/${platform()}-${arch()}`)));
    const manifest = await readFile(join(root, 'package.json'), 'utf8');
    const { version } = JSON.parse(manifest) as { version: string };
    const links = await readFile(join(root, 'native/pg-symlinks.json'), 'utf8').catch(() => '[]');
    return { root, version, links: JSON.parse(links) as Package['links'] };
  } catch (cause) {
    throw new EmbeddedPostgresError(
      `There is no embedded PostgreSQL for ${platform()}-${arch()} here (npm leaves it out with ` +
        '--omit=optional). Set DATABASE_URL to a PostgreSQL 15 or newer.',
      { cause },
    );
  }
}

function programsIn(root: string): Binaries {
  return { initdb: join(root, 'native/bin/initdb'), postgres: join(root, 'native/bin/postgres') };
}

/** @returns whether every link is there; false where the folder cannot be written. */
async function restoreLinks(root: string, links: Package['links']): Promise<boolean> {
  for (const { source, target } of links) {
    const link = join(root, target);
    if (await exists(link)) continue;
    try {
      await symlink(relative(dirname(target), source), link);
    } catch (error) {
      // Another process may have made it meanwhile.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') return false;
    }
  }
  return true;
}

async function runnable(user: ServerUser | undefined, binaries: Binaries): Promise<boolean> {
  return (await canReach(user, binaries.initdb)) && (await canReach(user, binaries.postgres));
}

/** Copies beside and renames, so that a half-made copy is never run. */
async function copyPackage({ root, links }: Package, target: string): Promise<void> {
  await mkdir(dirname(target), { recursive: true, mode: 0o755 });
  const draft = `${target}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    await cp(join(root, 'native'), join(draft, 'native'), {
      recursive: true,
      verbatimSymlinks: true,
      filter: (source) => extname(source) !== '.a' && basename(source) !== 'include',
    });
    await restoreLinks(draft, links);
    for (const folder of ['', 'native', 'native/bin', 'native/lib', 'native/share']) {
      await chmod(join(draft, folder), 0o755);
    }
    for (const program of Object.values(programsIn(draft))) await chmod(program, 0o755);
    await rename(draft, target);
  } catch (error) {
    if (!(await exists(target))) throw error;
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}
