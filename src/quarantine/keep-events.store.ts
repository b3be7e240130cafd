import type { Connections, Transaction } from '../database/connections.js';
import { plainArray } from '../database/plain-array.js';
import { timeOfDay } from '../database/time-of-day.js';
import { formatInstantMicros, type Micros } from '../domain/instant.js';
import { addToTally, lockTally, type Tally } from './quarantine-tally.store.js';
import type { Refusal, RefusedEvent } from './refused-event.js';

/** As long as a line of NDJSON may be. What is longer is named and told, but not kept itself. */
export const EVENT_BYTES_MAX = 64 * 1024;
/**
 * What an event may take on average in a full quarantine: 100,000 lawful ones fit, 100,000 of the
 * largest, 6 GB, do not.
 */
const BYTES_PER_EVENT = 4 * 1024;

/** Of what was refused. */
export interface Kept {
  /** By code: those that have a row now and had none before. */
  readonly added: ReadonlyMap<string, number>;
  readonly dropped: number;
}

interface Gathered {
  readonly refused: RefusedEvent;
  readonly seen: number;
  /** Null where it is too large. */
  readonly event: string | null;
  readonly bytes: number;
}

const SEEN_AGAIN = `
  UPDATE quarantined_event q
     SET seen = q.seen + n.seen, last_seen_at = greatest(q.last_seen_at, $7::timestamptz),
         historical = n.historical, code = n.code, errors = n.errors, fields = n.fields
    FROM unnest($2::uuid[], $3::bigint[], $4::boolean[], $5::text[], $6::json[], $8::json[])
      AS n (id, seen, historical, code, errors, fields)
   WHERE q.tenant_id = $1 AND q.quarantined_event_id = n.id
  RETURNING q.quarantined_event_id AS id`;

const INSERT = `
  INSERT INTO quarantined_event (tenant_id, quarantined_event_id, usage_event_id, source,
         customer_id, meter, shape, historical, event, event_bytes, code, errors, fields, seen,
         first_seen_at, last_seen_at)
  SELECT $1, n.*, $15::timestamptz, $15
    FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                $8::boolean[], $9::json[], $10::integer[], $11::text[], $12::json[], $13::json[],
                $14::bigint[]) AS n
  RETURNING 1`;

/**
 * Puts refused events into a tenant's quarantine, one row for each id and content, as far as there
 * is room; of those that are there already it counts how often they came.
 */
export async function keepEvents(
  connections: Connections,
  tenantId: string,
  events: readonly RefusedEvent[],
  eventsMax: number,
): Promise<Kept> {
  return connections.transaction(async (tx) => {
    const tally = await lockTally(tx, tenantId);
    const now = await timeOfDay(tx);
    const gathered = gather(events);
    const known = await countAgain(tx, tenantId, gathered, now);
    const strangers = gathered.filter(({ refused }) => !known.has(refused.id));
    const fitting = thatFit(strangers, tally, eventsMax);
    await insert(tx, tenantId, fitting, now);
    const seenOf = (some: readonly Gathered[]) => sum(some.map(({ seen }) => seen));
    const change = {
      events: fitting.length,
      bytes: sum(fitting.map(({ bytes }) => bytes)),
      dropped: seenOf(strangers) - seenOf(fitting),
    };
    await addToTally(tx, tenantId, change);
    return { added: countByCode(fitting), dropped: change.dropped };
  });
}

/** Of copies, the newest says what is wrong. */
function gather(events: readonly RefusedEvent[]): Gathered[] {
  const byId = new Map<string, Gathered>();
  for (const refused of events) {
    const seen = (byId.get(refused.id)?.seen ?? 0) + 1;
    const bytes = Buffer.byteLength(refused.event);
    const isKept = bytes <= EVENT_BYTES_MAX;
    byId.set(refused.id, {
      refused,
      seen,
      event: isKept ? refused.event : null,
      bytes: isKept ? bytes : 0,
    });
  }
  return [...byId.values()];
}

async function countAgain(
  tx: Transaction,
  tenantId: string,
  gathered: readonly Gathered[],
  now: Micros,
): Promise<Set<string>> {
  const rows = await tx.query<{ id: string }>(SEEN_AGAIN, [
    tenantId,
    plainArray(gathered.map(({ refused }) => refused.id)),
    plainArray(gathered.map(({ seen }) => seen)),
    plainArray(gathered.map(({ refused }) => refused.historical)),
    gathered.map(({ refused }) => refused.refusal.code),
    gathered.map(({ refused }) => errorsText(refused.refusal)),
    formatInstantMicros(now),
    gathered.map(({ refused }) => fieldsText(refused.refusal)),
  ]);
  return new Set(rows.map(({ id }) => id));
}

/** Those that there is room for, the first of them first. */
function thatFit(strangers: readonly Gathered[], tally: Tally, eventsMax: number): Gathered[] {
  const bytesMax = eventsMax * BYTES_PER_EVENT;
  let { events, bytes } = tally;
  return strangers.filter((one) => {
    if (events + 1 > eventsMax || bytes + one.bytes > bytesMax) return false;
    events++;
    bytes += one.bytes;
    return true;
  });
}

async function insert(
  tx: Transaction,
  tenantId: string,
  events: readonly Gathered[],
  now: Micros,
): Promise<void> {
  if (events.length === 0) return;
  const refused = events.map((one) => one.refused);
  await tx.query(INSERT, [
    tenantId,
    plainArray(refused.map(({ id }) => id)),
    refused.map(({ usageEventId }) => usageEventId),
    refused.map(({ source }) => source),
    refused.map(({ customerId }) => customerId),
    refused.map(({ meter }) => meter),
    refused.map(({ shape }) => shape),
    plainArray(refused.map(({ historical }) => historical)),
    events.map(({ event }) => event),
    plainArray(events.map(({ bytes }) => bytes)),
    refused.map(({ refusal }) => refusal.code),
    refused.map(({ refusal }) => errorsText(refusal)),
    refused.map(({ refusal }) => fieldsText(refusal)),
    plainArray(events.map(({ seen }) => seen)),
    formatInstantMicros(now),
  ]);
}

export function errorsText({ errors }: Refusal): string {
  return JSON.stringify(errors);
}

export function fieldsText({ fields }: Refusal): string | null {
  return fields === null ? null : JSON.stringify(fields);
}

function countByCode(events: readonly Gathered[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { refused } of events) {
    const { code } = refused.refusal;
    counts.set(code, (counts.get(code) ?? 0) + 1);
  }
  return counts;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
