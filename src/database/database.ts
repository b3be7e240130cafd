import { Connections } from './connections.js';

/** The PostgreSQL that holds everything, by kind of work. */
export class Database {
  /** For recording usage events: few, since more made it slower (about twice the cores). */
  readonly recording: Connections;
  /** For reads, commands and background work. */
  readonly work: Connections;
  /** For the health routes, which must answer while all else waits. */
  readonly health: Connections;

  constructor(
    readonly url: string,
    recordingConnections: number,
  ) {
    this.recording = new Connections(url, 'recording', recordingConnections);
    this.work = new Connections(url, 'work', recordingConnections + 4);
    this.health = new Connections(url, 'health', 1);
  }

  async end(): Promise<void> {
    await Promise.all([this.recording.end(), this.work.end(), this.health.end()]);
  }
}
