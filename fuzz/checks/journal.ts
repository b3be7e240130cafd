import { sentEvent, type SentEvent } from './sent-event.js';
import type { Receipt } from './receipts.js';

/** What was told of one event, until it is held against the ledger. */
export interface Told {
  readonly request: number;
  readonly tenant: 0 | 1;
  readonly event: SentEvent;
  readonly verdict: 'accepted' | 'duplicate' | 'recorded' | 'conflict';
  /** Of a conflict: what differs; null where that is not known any more. */
  readonly fields: readonly string[] | null | undefined;
}

/** What is known of one id of one tenant. */
export interface KnownId {
  accepted: number;
  /** Accepted or duplicate: which of them was not told, or the answer did not arrive. */
  maybe: boolean;
  /** Refused or conflicting, and so in quarantine, out of which it may be recorded. */
  refused: boolean;
  /** Each distinct content that was sent. */
  readonly contents: SentEvent[];
}

/** Every event that was sent, and what was said of it. */
export class Journal {
  readonly ids: readonly Map<string, KnownId>[] = [new Map(), new Map()];
  private waiting: Told[] = [];
  /** Events that a replay of the quarantine says it recorded, without naming them; by tenant. */
  readonly replayed: [number, number] = [0, 0];
  readonly counts = { accepted: 0, duplicate: 0, conflict: 0, rejected: 0, unknown: 0 };

  /** Before anything is known of it: it may be recorded from now on. */
  noteSent(tenant: 0 | 1, value: unknown): void {
    const event = sentEvent(value);
    if (event !== undefined) this.noteContent(tenant, event);
  }

  /** Takes in what was answered of each event. */
  noteReceipt(
    request: number,
    tenant: 0 | 1,
    events: readonly unknown[],
    receipt: Receipt,
    problemsOnly: boolean,
  ): void {
    const told = new Map(receipt.results.map((result) => [result.index, result]));
    for (const [index, value] of events.entries()) {
      const result = told.get(index);
      const event = sentEvent(value);
      if (event === undefined) {
        if (result !== undefined) this.counts[result.status]++;
        continue;
      }
      if (result === undefined && !(problemsOnly && receipt.isWhole)) {
        this.noteUnknown(tenant, value);
        continue;
      }
      const known = this.noteContent(tenant, event);
      const verdict = result?.status ?? 'recorded';
      if (verdict === 'recorded') known.maybe = true;
      else this.counts[verdict]++;
      if (verdict === 'accepted') known.accepted++;
      if (verdict === 'rejected' || verdict === 'conflict') known.refused = true;
      if (verdict !== 'rejected') {
        this.waiting.push({ request, tenant, event, verdict, fields: result?.error?.fields });
      }
    }
  }

  /** No answer came, or a replacement was recorded once more or not. */
  noteUnknown(tenant: 0 | 1, value: unknown): void {
    const event = sentEvent(value);
    if (event === undefined) return;
    this.counts.unknown++;
    this.noteContent(tenant, event).maybe = true;
  }

  /** What was told since the last time. */
  takeWaiting(): Told[] {
    return this.waiting.splice(0);
  }

  get waitingCount(): number {
    return this.waiting.length;
  }

  private noteContent(tenant: 0 | 1, event: SentEvent): KnownId {
    const ids = this.ids[tenant]!;
    const key = keyOf(event.source, event.id);
    let known = ids.get(key);
    if (known === undefined) {
      known = { accepted: 0, maybe: false, refused: false, contents: [] };
      ids.set(key, known);
    }
    const isNew = known.contents.every((other) => !isSame(other, event));
    if (isNew) known.contents.push(event);
    return known;
  }
}

export function keyOf(source: string, id: string): string {
  return `${source.length} ${source} ${id}`;
}

function isSame(a: SentEvent, b: SentEvent): boolean {
  return (
    a.customer === b.customer &&
    a.meter === b.meter &&
    a.quantity === b.quantity &&
    a.occurredAt === b.occurredAt &&
    a.properties === b.properties
  );
}
