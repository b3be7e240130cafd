import type { SnapshotEvent, ThinEvent } from './core-event.js';

/** Source: https://docs.stripe.com/api/events, «going back up to 30 days». */
const KEPT_MS = 30 * 24 * 60 * 60 * 1000;

interface Kept<Event> {
  atMs: number;
  event: Event;
}

/** The events of one account and mode, in order of creation. At an age of 30 days they are gone. */
export class CoreEventLog {
  readonly #snapshots = new Map<string, Kept<SnapshotEvent>>();
  readonly #thins = new Map<string, Kept<ThinEvent>>();

  addSnapshot(event: SnapshotEvent, atMs: number): void {
    this.#snapshots.set(event.id, { event, atMs });
  }

  addThin(event: ThinEvent, atMs: number): void {
    this.#thins.set(event.id, { event, atMs });
  }

  snapshot(id: string, nowMs: number): SnapshotEvent | null {
    return ofAge(this.#snapshots.get(id), nowMs);
  }

  thin(id: string, nowMs: number): ThinEvent | null {
    return ofAge(this.#thins.get(id), nowMs);
  }

  snapshots(nowMs: number): SnapshotEvent[] {
    return [...this.#snapshots.values()].flatMap((kept) => ofAge(kept, nowMs) ?? []);
  }

  thins(nowMs: number): ThinEvent[] {
    return [...this.#thins.values()].flatMap((kept) => ofAge(kept, nowMs) ?? []);
  }
}

function ofAge<Event>(kept: Kept<Event> | undefined, nowMs: number): Event | null {
  return kept && nowMs - kept.atMs < KEPT_MS ? kept.event : null;
}
