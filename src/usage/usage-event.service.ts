import { Injectable } from '@nestjs/common';
import { requireCustomer } from '../customers/require-customer.js';
import { Database } from '../database/database.js';
import { toPage, type Page, type PageRequest } from '../database/page.js';
import { eventKey } from '../domain/event-key.js';
import { formatInstantMicros } from '../domain/instant.js';
import { requireMeter } from '../meters/require-meter.js';
import { Problem } from '../problem/problem.js';
import { refuseGone } from './gone-events.store.js';
import { explainEvent, toEntry } from './event-explanation.js';
import { ledgerOf, type LedgerRow } from './ledger.query.js';
import {
  entriesOf,
  fromUsageEvent,
  usageEvents,
  type UsageEventFilter,
  type UsageEventRow,
} from './usage-event-query.js';
import type { UsageEventAnswer } from './usage-event.answer.js';

/** Which events are asked for, by the names that clients know. */
export interface UsageEventRequest extends Omit<
  UsageEventFilter,
  'eventKey' | 'customerNo' | 'meterNo'
> {
  readonly usageEventId?: string;
  readonly customerId?: string;
  readonly meter?: string;
}

/** Explains recorded events: what they count, where, and what became of it. */
@Injectable()
export class UsageEventService {
  constructor(private readonly db: Database) {}

  async one(tenantId: string, usageEventId: string, source = ''): Promise<UsageEventAnswer> {
    const filter = { eventKey: eventKey(source, usageEventId) };
    const rows = await usageEvents(this.db.work, tenantId, filter, undefined, 1);
    await refuseGone(this.db.work, tenantId, filter, rows);
    const [event] = await this.tell(tenantId, rows, filter);
    if (event === undefined)
      throw new Problem('usage_event_not_found', 'no usage event has this id and source');
    return event;
  }

  async list(
    tenantId: string,
    request: UsageEventRequest,
    page: PageRequest,
  ): Promise<Page<UsageEventAnswer>> {
    const { usageEventId, customerId, meter, ...rest } = request;
    const filter: UsageEventFilter = {
      ...rest,
      ...(usageEventId === undefined
        ? {}
        : { eventKey: eventKey(rest.source ?? '', usageEventId) }),
      ...(customerId === undefined
        ? {}
        : { customerNo: (await requireCustomer(this.db.work, tenantId, customerId)).customerNo }),
      ...(meter === undefined
        ? {}
        : { meterNo: (await requireMeter(this.db.work, tenantId, meter)).meterNo }),
    };
    const rows = await usageEvents(this.db.work, tenantId, filter, page.after, page.limit + 1);
    await refuseGone(this.db.work, tenantId, filter, rows);
    const { data, next_cursor } = toPage(rows, page, (row) => [
      formatInstantMicros(row.occurred_at),
      row.event_key,
    ]);
    return { data: await this.tell(tenantId, data, filter), next_cursor };
  }

  /** One event is told with what became of it; events behind a statement with what they count in it. */
  private async tell(
    tenantId: string,
    rows: readonly UsageEventRow[],
    { eventKey: one, period }: UsageEventFilter,
  ): Promise<UsageEventAnswer[]> {
    const db = this.db.work;
    const keys = rows.map((row) => row.event_key);
    const entries = await entriesOf(db, tenantId, keys);
    const explained =
      one === undefined || rows.length === 0
        ? undefined
        : await explainEvent(db, tenantId, await ledgerOf(db, tenantId, keys));
    const behind =
      period === undefined ? undefined : byEvent(await ledgerOf(db, tenantId, keys, period));
    return rows.map((row) => ({
      ...fromUsageEvent(row, entries.get(row.event_key) ?? [], explained),
      ...(behind && { entries: (behind.get(row.event_key) ?? []).map(toEntry) }),
    }));
  }
}

function byEvent(entries: readonly LedgerRow[]): Map<string, LedgerRow[]> {
  const groups = new Map<string, LedgerRow[]>();
  for (const entry of entries) {
    groups.set(entry.eventKey, [...(groups.get(entry.eventKey) ?? []), entry]);
  }
  return groups;
}
