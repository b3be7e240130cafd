import type { Api } from './api-response.js';
import type { EventFacts } from './fault-match.js';

/** How many requests for one customer and event name were in flight at one time, at most. */
export interface LaneTraffic {
  customer: string;
  event_name: string;
  in_flight_now: number;
  in_flight_max: number;
}

export interface KeyTraffic {
  api: Api;
  idempotency_key: string;
  /** More than one means that a client used one key for different requests. */
  distinct_bodies: number;
  requests: number;
}

/**
 * What the requests of one account and mode looked like, whatever became of them. In flight is what
 * arrived and was neither answered nor given up by the client, as the client sees it.
 */
export class Traffic {
  readonly #lanes = new Map<string, LaneTraffic>();
  readonly #keys = new Map<string, KeyTraffic & { bodies: Set<string> }>();

  /** Returns what ends the stay; calling it twice does no harm. */
  enter(events: readonly EventFacts[]): () => void {
    const lanes = new Set(events.map((event) => this.#lane(event)).filter((lane) => lane !== null));
    for (const lane of lanes) {
      lane.in_flight_now += 1;
      lane.in_flight_max = Math.max(lane.in_flight_max, lane.in_flight_now);
    }
    return () => {
      for (const lane of lanes) lane.in_flight_now -= 1;
      lanes.clear();
    };
  }

  noteKey(api: Api, key: string, body: string): void {
    const name = `${api} ${key}`;
    const known = this.#keys.get(name);
    const fresh = { api, idempotency_key: key, distinct_bodies: 0, requests: 0 };
    const entry = known ?? { ...fresh, bodies: new Set<string>() };
    if (!known) this.#keys.set(name, entry);
    entry.requests += 1;
    entry.distinct_bodies = entry.bodies.add(body).size;
  }

  lanes(): LaneTraffic[] {
    return [...this.#lanes.values()].map((lane) => ({ ...lane }));
  }

  keys(): KeyTraffic[] {
    return [...this.#keys.values()].map(({ bodies: _bodies, ...key }) => key);
  }

  #lane({ customer, event_name: eventName }: EventFacts): LaneTraffic | null {
    if (customer === null || eventName === null) return null;
    const name = JSON.stringify([customer, eventName]);
    const known = this.#lanes.get(name);
    if (known) return known;
    const lane = { customer, event_name: eventName, in_flight_now: 0, in_flight_max: 0 };
    this.#lanes.set(name, lane);
    return lane;
  }
}
