import { Connections } from './connections.js';
import type { SERVICE_ROLE } from './roles.js';

/** The PostgreSQL that holds everything, by kind of work. */
export class Database {
  /** For recording usage events: few, since more made it slower (about twice the cores). */
  readonly recording: Connections;
  /** For reads, commands and background work. */
  readonly work: Connections;
  /** For the health routes, which must answer while all else waits. */
  readonly health: Connections;

  /** @param role What is worked as; none: the user of `url` itself. */
  constructor(
    readonly url: string,
    recordingConnections: number,
    readonly role?: typeof SERVICE_ROLE,
  ) {
    this.recording = new Connections(url, 'recording', recordingConnections, role);
    this.work = new Connections(url, 'work', recordingConnections + 4, role);
    this.health = new Connections(url, 'health', 1, role);
  }

  async end(): Promise<void> {
    await Promise.all([this.recording.end(), this.work.end(), this.health.end()]);
  }
}
