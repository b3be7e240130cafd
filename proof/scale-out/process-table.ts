import type { Rig, Station } from '../rig.js';
import type { Tally } from '../proof-client.js';

/** What one process of the product did. */
export interface ProcessRow {
  readonly name: string;
  readonly role: 'api' | 'worker';
  /** Events in requests that it answered, by the balancer's word; of an API. */
  readonly events: number | null;
  /** Pushes it called Stripe with, by its own metrics; of a killed one those of its last moment are missing. */
  readonly stripeCalls: number | null;
  readonly killed: number;
  /** How often it ended without having been killed. */
  readonly endedByItself: number;
}

const CALLS = /^stripe_push_request_duration_seconds_count(?:\{[^}]*\})? (\d+)/gm;

/** Kills processes, and keeps the count of what each had done: its own counters go with it. */
export class ProcessTable {
  private readonly killed = new Map<string, number>();
  private readonly calls = new Map<string, number>();

  constructor(private readonly rig: Rig) {}

  async kill({ process }: Station): Promise<void> {
    await this.noteCalls(process.name, process.port);
    this.killed.set(process.name, (this.killed.get(process.name) ?? 0) + 1);
    await process.kill();
  }

  async rows({ answeredBy }: Tally): Promise<ProcessRow[]> {
    const { apis, workers, stations } = this.rig;
    for (const { process } of workers) await this.noteCalls(process.name, process.port);
    return stations.map((station) => {
      const { name, endedByItself } = station.process;
      const isApi = apis.includes(station);
      return {
        name,
        role: isApi ? 'api' : 'worker',
        events: isApi ? (answeredBy.get(name.replace(' ', '_')) ?? 0) : null,
        stripeCalls: isApi ? null : (this.calls.get(name) ?? 0),
        killed: this.killed.get(name) ?? 0,
        endedByItself,
      };
    });
  }

  private async noteCalls(name: string, port: number): Promise<void> {
    const answer = await fetch(`http://127.0.0.1:${port}/metrics`).catch(() => undefined);
    const text = (await answer?.text().catch(() => undefined)) ?? '';
    const calls = [...text.matchAll(CALLS)].reduce((sum, [, count]) => sum + Number(count), 0);
    this.calls.set(name, (this.calls.get(name) ?? 0) + calls);
  }
}
