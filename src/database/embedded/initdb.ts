import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmod, chown, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { Binaries } from './binaries.js';
import { explained } from './embedded-postgres-error.js';
import { exists } from './path-exists.js';
import { serverEnvironment, type ServerUser } from './server-user.js';

export const SUPERUSER = 'countonce';

const FLAGS: readonly string[] = [
  `--username=${SUPERUSER}`,
  '--auth=scram-sha-256',
  '--pwfile=/dev/stdin',
  '--encoding=UTF8',
  '--locale=C',
  // It sorts the same on every system, so indexes survive a move of the files.
  '--locale-provider=builtin',
  '--builtin-locale=C.UTF-8',
  '--no-instructions',
];

/** A draft this old was left by a process that was killed in the middle of initdb. */
const DRAFT_MAX_AGE_MS = 600_000;

/** What is to be made, where and by whom. */
export interface NewCluster {
  readonly folder: string;
  readonly dataDir: string;
  readonly user: ServerUser | undefined;
  readonly binaries: Binaries;
  /** How the server's user names a folder that it has as its working directory. */
  readonly named: (path: string) => string;
  readonly sync: boolean;
}

/**
 * Makes a cluster in `folder`, complete or not at all. Any number of processes may do it at once:
 * each makes a draft, and the first to rename it wins.
 */
export async function createCluster({
  folder,
  dataDir,
  user,
  binaries,
  named,
  sync,
}: NewCluster): Promise<void> {
  await removeOldDrafts(dataDir);
  const draft = `${folder}.${randomBytes(6).toString('hex')}.tmp`;
  const data = join(draft, 'data');
  try {
    await mkdir(data, { recursive: true });
    await chmod(draft, 0o711);
    await chmod(data, 0o700);
    if (user) await chown(data, user.uid, user.gid);
    const passwordFile = await open(join(draft, 'password'), 'wx+', 0o600);
    try {
      await passwordFile.write(`${randomBytes(32).toString('base64url')}\n`);
      if (user) await passwordFile.chown(user.uid, user.gid);
      if (sync) await passwordFile.sync();
    } finally {
      await passwordFile.close();
    }
    await initialise(binaries.initdb, data, named(data), join(draft, 'password'), user, sync);
    await rename(draft, folder);
  } catch (error) {
    if (!(await exists(folder))) throw error;
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

async function initialise(
  initdb: string,
  data: string,
  dataArgument: string,
  password: string,
  user: ServerUser | undefined,
  sync: boolean,
): Promise<void> {
  const args = ['-D', dataArgument, ...FLAGS, ...(sync ? [] : ['--no-sync'])];
  const input = await open(password, 'r');
  try {
    const child = spawn(initdb, args, {
      cwd: data,
      env: serverEnvironment(),
      stdio: [input.fd, 'ignore', 'pipe'],
      ...user,
    });
    const ended = once(child, 'close') as Promise<[number | null]>;
    const [said, [code]] = await Promise.all([text(child.stderr as Readable), ended]);
    if (code !== 0) throw explained('create its data files', said || `initdb exited with ${code}`);
  } finally {
    await input.close();
  }
}

async function removeOldDrafts(dataDir: string): Promise<void> {
  for (const name of await readdir(dataDir)) {
    if (!/^postgres.*\.tmp$/.test(name)) continue;
    const path = join(dataDir, name);
    // It may be finished and renamed at this moment.
    const found = await stat(path).catch(() => undefined);
    const age = Date.now() - (found?.mtimeMs ?? Date.now());
    if (age > DRAFT_MAX_AGE_MS) await rm(path, { recursive: true, force: true });
  }
}
