import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Database } from '../../src/database/database.js';
import { eventKey } from '../../src/domain/event-key.js';
import { fingerprint } from '../../src/domain/fingerprint.js';
import { formatInstantMicros } from '../../src/domain/instant.js';
import type { UsageEvent } from '../../src/domain/usage-event.js';
import type { Fault } from '../../src/domain/usage-match.js';
import type { Candidate } from '../../src/ledger/candidate.js';
import type { Entry } from '../../src/ledger/entry.store.js';
import { judge, type Outcome } from '../../src/ledger/judge.js';
import type { Verdict } from '../../src/ledger/verdict.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';

const NOW = 1_793_491_200_000_000;
const BEFORE = NOW - 3_600_000_001;

let database: TestDatabase;
let db: Database;
let tenantId: string;
beforeAll(async () => {
  database = await createTestDatabase();
  db = new Database(database.url, 2);
  await db.work.query(
    `SELECT make_usage_month('usage_event', date_trunc('month', $1::timestamptz))`,
    [formatInstantMicros(BEFORE)],
  );
});
afterAll(async () => {
  await db.end();
  await database[Symbol.asyncDispose]();
});
beforeEach(() => {
  tenantId = randomUUID();
});

function candidate(index: number, more: Partial<UsageEvent> = {}): Candidate {
  const event: UsageEvent = {
    usageEventId: `event-${index}`,
    source: '',
    customerId: 'acme',
    meter: 'tokens',
    quantity: '1',
    occurredAt: undefined,
    properties: undefined,
    ...more,
  };
  return {
    index,
    event,
    eventKey: eventKey(event.source, event.usageEventId),
    fingerprint: fingerprint(event),
    historical: false,
    mayAdjust: true,
  };
}

function entry(more: Partial<Entry> = {}): Entry {
  return {
    counted: { quantity: '1', uniqueValue: undefined, dimensions: '[]' } as Entry['counted'],
    uniqueKey: null,
    periodStart: NOW,
    originStart: NOW,
    revision: 0,
    late: false,
    billable: true,
    ...more,
  };
}

const known = ({ eventKey: key, fingerprint: print }: Candidate) =>
  [key, { eventKey: key, fingerprint: print, receivedAt: BEFORE }] as const;

async function verdicts(outcome: Partial<Outcome>): Promise<Verdict[]> {
  return db.work.transaction((tx) =>
    judge(tx, tenantId, {
      chunk: [],
      faults: new Map(),
      tried: new Set(),
      accepted: new Map(),
      knownBefore: new Map(),
      receivedAt: NOW,
      ...outcome,
    }),
  );
}

const accept = (one: Candidate, ...entries: Entry[]) =>
  [one.eventKey, { candidate: one, entries }] as const;

/** Somebody else recorded it, details and all. */
async function recordElsewhere({ event, eventKey: key, fingerprint: print }: Candidate) {
  const received = formatInstantMicros(BEFORE);
  await db.work.query(
    `INSERT INTO usage_event_key (tenant_id, event_key, fingerprint, received_at)
     VALUES ($1, $2, $3, $4)`,
    [tenantId, key, print, received],
  );
  await db.work.query(
    `INSERT INTO usage_event (tenant_id, event_key, source, usage_event_id, customer_id, customer_no,
                              meter, quantity, occurred_at, occurred_at_sent, received_at)
     VALUES ($1, $2, $3, $4, $5, 1, $6, $7, $8, false, $8)`,
    [
      tenantId,
      key,
      event.source,
      event.usageEventId,
      event.customerId,
      event.meter,
      event.quantity,
      received,
    ],
  );
}

async function copies(): Promise<[string, number, number][]> {
  const rows = await db.work.query<{ key: string; copies: number; seen: number }>(
    `SELECT event_key AS key, copies, last_seen_at AS seen FROM usage_event_copy
      WHERE tenant_id = $1 ORDER BY copies`,
    [tenantId],
  );
  return rows.map((row) => [row.key, row.copies, row.seen]);
}

describe('an event whose id this transaction took', () => {
  it('is accepted', async () => {
    const one = candidate(0);
    const accepted = new Map([accept(one, entry())]);
    expect(await verdicts({ chunk: [one], accepted, tried: new Set([one.eventKey]) })).toEqual([
      { status: 'accepted' },
    ]);
    expect(await copies()).toEqual([]);
  });

  it('is accepted though it counts nowhere', async () => {
    const one = candidate(0);
    expect(await verdicts({ chunk: [one], accepted: new Map([accept(one)]) })).toEqual([
      { status: 'accepted' },
    ]);
  });

  it('is told where it is billed if one of its entries is late', async () => {
    const one = candidate(0);
    const late = entry({ late: true, periodStart: NOW + 5 });
    const accepted = new Map([accept(one, entry(), late, entry({ late: true }))]);
    expect(await verdicts({ chunk: [one], accepted })).toEqual([
      { status: 'accepted', late: { billedPeriodStart: NOW + 5 } },
    ]);
  });

  it('has copies in the same chunk that are duplicates of it, received just now', async () => {
    const one = candidate(0);
    const [second, third] = [
      { ...one, index: 1 },
      { ...one, index: 2 },
    ];
    const accepted = new Map([accept(second, entry())]);
    expect(await verdicts({ chunk: [one, second, third], accepted })).toEqual([
      { status: 'duplicate', firstReceivedAt: NOW },
      { status: 'accepted' },
      { status: 'duplicate', firstReceivedAt: NOW },
    ]);
    expect(await copies()).toEqual([[one.eventKey, 2, NOW]]);
  });
});

describe('an event whose id was known before', () => {
  it('is a duplicate of what was received then, and counted as a copy', async () => {
    const [one, other] = [candidate(0), candidate(1)];
    const knownBefore = new Map([known(one), known(other)]);
    const chunk = [one, other, { ...one, index: 2 }];
    expect(await verdicts({ chunk, knownBefore })).toEqual([
      { status: 'duplicate', firstReceivedAt: BEFORE },
      { status: 'duplicate', firstReceivedAt: BEFORE },
      { status: 'duplicate', firstReceivedAt: BEFORE },
    ]);
    expect(await copies()).toEqual([
      [other.eventKey, 1, NOW],
      [one.eventKey, 2, NOW],
    ]);
    await verdicts({ chunk: [one], knownBefore, receivedAt: NOW + 7 });
    expect(await copies()).toEqual([
      [other.eventKey, 1, NOW],
      [one.eventKey, 3, NOW + 7],
    ]);
  });

  it('is a conflict where it differs, which names the fields, and no copy', async () => {
    const original = candidate(0, { quantity: '2', meter: 'calls' });
    await recordElsewhere(original);
    const knownBefore = new Map([known(original)]);
    expect(await verdicts({ chunk: [candidate(0)], knownBefore })).toEqual([
      { status: 'conflict', fields: ['meter', 'quantity'], firstReceivedAt: BEFORE },
    ]);
    expect(await copies()).toEqual([]);
  });

  it('is a conflict without fields where the details of the original are gone', async () => {
    const original = candidate(0, { quantity: '2' });
    const knownBefore = new Map([known(original)]);
    expect(await verdicts({ chunk: [candidate(0)], knownBefore })).toEqual([
      { status: 'conflict', fields: null, firstReceivedAt: BEFORE },
    ]);
  });

  it('is judged so though it is at fault by now', async () => {
    const one = candidate(0);
    const faults = new Map<number, Fault[]>([[0, [{ code: 'x', pointer: '', detail: '' }]]]);
    expect(await verdicts({ chunk: [one], knownBefore: new Map([known(one)]), faults })).toEqual([
      { status: 'duplicate', firstReceivedAt: BEFORE },
    ]);
  });
});

describe('an event whose id another transaction took first', () => {
  it('is judged by what that one recorded', async () => {
    const [same, other] = [candidate(0), candidate(1)];
    await recordElsewhere(same);
    await recordElsewhere(candidate(1, { quantity: '2' }));
    const tried = new Set([same.eventKey, other.eventKey]);
    expect(await verdicts({ chunk: [same, other, same], tried })).toEqual([
      { status: 'duplicate', firstReceivedAt: BEFORE },
      { status: 'conflict', fields: ['quantity'], firstReceivedAt: BEFORE },
      { status: 'duplicate', firstReceivedAt: BEFORE },
    ]);
    expect(await copies()).toEqual([[same.eventKey, 2, NOW]]);
  });

  it('is none of another tenant', async () => {
    const one = candidate(0);
    await recordElsewhere(one);
    tenantId = randomUUID();
    await expect(verdicts({ chunk: [one], tried: new Set([one.eventKey]) })).rejects.toThrow(
      `no verdict on ${one.eventKey}`,
    );
  });
});

describe('an event that cannot be recorded', () => {
  const fault = { code: 'unknown_meter', pointer: '/meter', detail: 'No meter has this key.' };

  it('is rejected with its own faults', async () => {
    const faults = new Map([
      [0, [fault]],
      [1, [fault, { ...fault, pointer: '/quantity' }]],
    ]);
    expect(await verdicts({ chunk: [candidate(0), candidate(1)], faults })).toEqual([
      { status: 'rejected', faults: [fault] },
      { status: 'rejected', faults: [fault, { ...fault, pointer: '/quantity' }] },
    ]);
  });

  it('is a conflict or a duplicate where a copy of its id could be recorded', async () => {
    const [refused, recorded] = [candidate(0), { ...candidate(0, { quantity: '3' }), index: 1 }];
    const outcome = {
      chunk: [refused, recorded],
      faults: new Map([[0, [fault]]]),
      accepted: new Map([accept(recorded, entry())]),
    };
    expect(await verdicts(outcome)).toEqual([
      { status: 'conflict', fields: null, firstReceivedAt: NOW },
      { status: 'accepted' },
    ]);
  });

  it('is rejected though somebody else records its id at this very moment', async () => {
    // It was not tried, so what the other one does is not looked at: a resend will be told.
    const one = candidate(0);
    await recordElsewhere(one);
    expect(await verdicts({ chunk: [one], faults: new Map([[0, [fault]]]) })).toEqual([
      { status: 'rejected', faults: [fault] },
    ]);
  });

  it('is never answered for where nobody knows what became of it', async () => {
    const one = candidate(0);
    await expect(verdicts({ chunk: [one] })).rejects.toThrow(`no verdict on ${one.eventKey}`);
  });
});
