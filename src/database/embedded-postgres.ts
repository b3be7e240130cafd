import { randomBytes } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Cluster, openCluster } from './embedded/cluster.js';
import { EmbeddedPostgresError } from './embedded/embedded-postgres-error.js';
import { type Lease, takeLease } from './embedded/lease.js';
import {
  isServerOf,
  readLockFile,
  type ServerSettings,
  type StartAttempt,
  startServer,
  throwUnlessPassing,
} from './embedded/postmaster.js';
import { startWatchdog } from './embedded/watchdog.js';

/** Recovery after a crash reads the log again; at the default `max_wal_size` that is a minute. */
const START_TIMEOUT_MS = 300_000;
/** Programs only; data stays in DATA_DIR. */
const SYSTEM_PROGRAMS_DIR = '/var/lib/countonce';
const POLL_MS = 25;

/** A running PostgreSQL of our own. */
export interface EmbeddedPostgres {
  /** Connection string of the database `countonce`, on a port that changes with every start. */
  readonly url: string;
  /** Ends our part; the last process that uses the server also stops it, and waits for that. */
  stop(): Promise<void>;
}

/**
 * Starts PostgreSQL with its data in `dataDir/postgres`, or takes part in the one that is already
 * running there, whoever started it: a server beside a `countonce import`, or what a killed
 * process left. It goes down with the last process that uses it, killed or not.
 *
 * @param options.settings count for the process that starts the server.
 * @param options.programsDir where a copy of PostgreSQL's programs goes if root starts it in a
 * project that only root may enter, and so PostgreSQL's own user may not.
 * @throws EmbeddedPostgresError with a message that says what to do.
 */
export async function startEmbeddedPostgres(options: {
  readonly dataDir: string;
  readonly settings?: ServerSettings;
  readonly programsDir?: string;
}): Promise<EmbeddedPostgres> {
  const { settings = {}, programsDir = SYSTEM_PROGRAMS_DIR } = options;
  const sync = settings['fsync'] !== 'off';
  const cluster = await openCluster(resolve(options.dataDir), programsDir, sync);
  const leaseName = `countonce lease ${randomBytes(8).toString('hex')}`;
  const watchdog = startWatchdog(await realpath(cluster.folder), leaseName);
  try {
    const lease = await startOrJoin(cluster, settings, leaseName);
    let stopped: Promise<void> | undefined;
    return {
      url: lease.url,
      stop: () => (stopped ??= lease.end().then(() => watchdog.release())),
    };
  } catch (error) {
    await watchdog.release();
    throw error;
  }
}

async function startOrJoin(
  cluster: Cluster,
  settings: ServerSettings,
  leaseName: string,
): Promise<Lease> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  let attempt: StartAttempt | undefined;
  while (Date.now() < deadline) {
    const lockFile = await readLockFile(cluster.data);
    if (lockFile && (await isServerOf(cluster.data, lockFile.pid))) {
      const lease = await takeLease(cluster, lockFile.port, leaseName);
      if (lease) return lease;
    } else {
      const failure = await attempt?.failure();
      if (failure !== undefined) throwUnlessPassing(failure);
      if (!attempt || failure !== undefined) {
        attempt = await startServer(cluster, settings, lockFile?.pid);
      }
    }
    await sleep(POLL_MS);
  }
  throw new EmbeddedPostgresError(
    `The embedded PostgreSQL was not ready after ${START_TIMEOUT_MS / 1000} s. ` +
      `Its log is ${cluster.folder}/server.log.`,
  );
}
