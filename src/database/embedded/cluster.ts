import { chmod, chown, mkdir, readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Binaries, prepareBinaries } from './binaries.js';
import { EmbeddedPostgresError, explained } from './embedded-postgres-error.js';
import { createCluster } from './initdb.js';
import { exists } from './path-exists.js';
import { canReach, chooseServerUser, type ServerUser } from './server-user.js';

/** A database cluster on disk, ready to be started. */
export interface Cluster {
  /** `DATA_DIR/postgres`: `data/`, `password` and `server.log`. */
  readonly folder: string;
  /** What PostgreSQL calls its data directory. */
  readonly data: string;
  /** How the server's user names `data`, seen from `data` as its working directory. */
  readonly dataArgument: string;
  readonly password: string;
  readonly binaries: Binaries;
  readonly user: ServerUser | undefined;
}

/** The major version of the embedded PostgreSQL; its data files fit no other. */
const MAJOR_VERSION = '18';

/**
 * Opens the cluster in `dataDir`, and makes it at the first start. Any number of processes may do
 * this at once: each makes a draft, the first to rename it wins.
 */
export async function openCluster(
  dataDir: string,
  programsDir: string,
  sync: boolean,
): Promise<Cluster> {
  const folder = join(dataDir, 'postgres');
  const data = join(folder, 'data');
  try {
    await mkdir(dataDir, { recursive: true });
    const user = await chooseServerUser(dataDir, data);
    const reachable = await canReach(user, dataDir);
    const binaries = await prepareBinaries(user, reachable ? dataDir : programsDir);
    if (!reachable && process.platform !== 'linux') throw notReachable(dataDir);
    // A folder that only root may enter is reached as the working directory that root gives it.
    const named = (path: string): string => (reachable ? path : '/proc/self/cwd');
    if (!(await exists(folder))) {
      await createCluster({ folder, dataDir, user, binaries, named, sync });
    }
    await checkCluster(data, user);
    const password = (await readFile(join(folder, 'password'), 'utf8')).trim();
    return { folder, data, dataArgument: named(data), password, binaries, user };
  } catch (error) {
    throw explained(`use ${dataDir}`, error);
  }
}

async function checkCluster(data: string, user: ServerUser | undefined): Promise<void> {
  const { uid } = await stat(data);
  const own = user?.uid ?? process.getuid?.();
  if (user && uid === 0) await giveTo(user, data);
  else if (own !== undefined && uid !== own) {
    throw new EmbeddedPostgresError(
      `The database files in ${data} belong to user id ${uid}. Start Countonce as that user or ` +
        'as root, or set DATA_DIR to another folder.',
    );
  }
  const version = (await readFile(join(data, 'PG_VERSION'), 'utf8')).trim();
  if (version !== MAJOR_VERSION) {
    throw new EmbeddedPostgresError(
      `The database files in ${data} were made by PostgreSQL ${version}, this is ${MAJOR_VERSION}. ` +
        'Start them with the Countonce that made them, pg_dump the database countonce and restore ' +
        'it into an empty DATA_DIR, or set DATABASE_URL to a server that has it.',
    );
  }
}

function notReachable(dataDir: string): EmbeddedPostgresError {
  return new EmbeddedPostgresError(
    `PostgreSQL does not run as root, and only root may enter ${dataDir}. Start as an ordinary ` +
      'user, or set DATA_DIR to a folder that others may enter.',
  );
}

/** A copy made by root belongs to root, and the server could not open it. */
async function giveTo({ uid, gid }: ServerUser, data: string): Promise<void> {
  await chown(join(data, '../password'), uid, gid);
  for (const entry of await readdir(data, { recursive: true })) {
    await chown(join(data, entry), uid, gid);
  }
  await chown(data, uid, gid);
  await chmod(data, 0o700);
}
