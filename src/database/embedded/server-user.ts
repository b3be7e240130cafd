import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, constants, readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { EmbeddedPostgresError } from './embedded-postgres-error.js';

/** The operating system's user that the server runs as. */
export interface ServerUser {
  readonly uid: number;
  readonly gid: number;
}

/** In this order; `nobody` is on every system. */
const CANDIDATES = ['countonce', 'postgres', '_postgres', 'nobody'];

/**
 * PostgreSQL refuses to run as root, so under root it runs as the owner of its files, as the owner
 * of the folder, or as the first of {@link CANDIDATES}; no user is created.
 *
 * initdb asks /etc/passwd for its user's name, so a bare number would not do.
 *
 * @returns undefined for the user of this process, which is not root.
 */
export async function chooseServerUser(
  dataDir: string,
  clusterData: string,
): Promise<ServerUser | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const ofCluster = await ownerOf(clusterData);
  if (ofCluster && ofCluster.uid !== 0) return ofCluster;

  const known = await passwdEntries();
  const ofFolder = await ownerOfNearest(dataDir);
  if (ofFolder.uid !== 0 && [...known.values()].some((user) => user.uid === ofFolder.uid)) {
    return ofFolder;
  }
  for (const name of CANDIDATES) {
    const user = known.get(name);
    if (user && user.uid !== 0) return user;
  }
  throw new EmbeddedPostgresError(
    'PostgreSQL does not run as root, and there is no ordinary user for it. ' +
      'Create one named countonce, start as an ordinary user, or set DATABASE_URL.',
  );
}

/** Nothing of ours is passed on: PGDATA, LD_PRELOAD or a secret would only do harm there. */
export function serverEnvironment(): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' };
}

/** Whether that user can enter or execute a path; asked of the system, so that ACLs count too. */
export async function canReach(user: ServerUser | undefined, path: string): Promise<boolean> {
  if (!user) return succeeds(access(path, constants.R_OK | constants.X_OK));
  const options = { cwd: '/', stdio: 'ignore', ...user } as const;
  const shell = spawn('/bin/sh', ['-c', 'test -r "$1" && test -x "$1"', 'sh', path], options);
  try {
    const [code] = (await once(shell, 'exit')) as [number | null];
    return code === 0;
  } catch {
    throw new EmbeddedPostgresError(
      `PostgreSQL does not run as root, and switching to user id ${user.uid} ` +
        'is not allowed here. Start as an ordinary user, or set DATABASE_URL.',
    );
  }
}

async function succeeds(check: Promise<void>): Promise<boolean> {
  return check.then(
    () => true,
    () => false,
  );
}

async function ownerOf(path: string): Promise<ServerUser | undefined> {
  try {
    const { uid, gid } = await stat(path);
    return { uid, gid };
  } catch {
    return undefined;
  }
}

async function ownerOfNearest(path: string): Promise<ServerUser> {
  return (await ownerOf(path)) ?? (await ownerOfNearest(dirname(path)));
}

async function passwdEntries(): Promise<Map<string, ServerUser>> {
  const text = await readFile('/etc/passwd', 'utf8').catch(() => '');
  const entries = new Map<string, ServerUser>();
  for (const line of text.split('\n')) {
    const [name, , uid, gid] = line.split(':');
    if (!name || name.startsWith('#') || !uid || !gid) continue;
    // macOS writes nobody as -2, the system calls want the unsigned number.
    entries.set(name, { uid: Number(uid) >>> 0, gid: Number(gid) >>> 0 });
  }
  return entries;
}
