import { Connections } from './connections.js';
import type { SERVICE_ROLE } from './roles.js';

/** Longer than the ledger of the largest period takes to be read. */
const REPLAY_STATEMENT_MAX_MS = 3_600_000;

/** A disk that was full this recently is taken for full. */
const DISK_FULL_MS = 10_000;

/** The PostgreSQL that holds everything, by kind of work. */
export class Database {
  /** For recording usage events: few, since more made it slower (about twice the cores). */
  readonly recording: Connections;
  /** For reads, commands and background work. */
  readonly work: Connections;
  /** For the health routes, which must answer while all else waits. */
  readonly health: Connections;
  /** For rebuilding totals from the ledger, whose statements may take long. */
  readonly replay: Connections;

  /** @param role What is worked as; none: the user of `url` itself. */
  constructor(
    readonly url: string,
    recordingConnections: number,
    readonly role?: typeof SERVICE_ROLE,
  ) {
    this.recording = new Connections(url, 'recording', recordingConnections, role, {
      prepares: true,
    });
    this.work = new Connections(url, 'work', recordingConnections + 4, role);
    this.health = new Connections(url, 'health', 1, role);
    this.replay = new Connections(url, 'replay', 2, role, {
      statementTimeoutMs: REPLAY_STATEMENT_MAX_MS,
    });
  }

  /** Whether recording has just failed for want of space; reads may still work. */
  get isDiskFull(): boolean {
    const { recording, work } = this;
    const lastMs = Math.max(recording.diskFullAtMs, work.diskFullAtMs);
    return performance.now() - lastMs < DISK_FULL_MS;
  }

  async end(): Promise<void> {
    await Promise.all([
      this.recording.end(),
      this.work.end(),
      this.health.end(),
      this.replay.end(),
    ]);
  }
}
