import { Injectable } from '@nestjs/common';
import { customersByIdentity } from '../customers/customer.store.js';
import { Database } from '../database/database.js';
import { toPage, type Page, type PageRequest } from '../database/page.js';
import { formatInstant, formatInstantMicros, type Micros } from '../domain/instant.js';
import { meterByKey } from '../meters/meter.store.js';
import { Problem } from '../problem/problem.js';
import { listPushes, transitionsOf, type PushFilter, type PushRow } from './push-list.store.js';
import type { PushQueryDto } from './push-query.dto.js';
import type { PushAnswer } from './push.answer.js';

/** What was pushed, what is held, and why. */
@Injectable()
export class PushQuery {
  constructor(private readonly db: Database) {}

  async one(tenantId: string, identifier: string): Promise<PushAnswer> {
    const filter = { identifier };
    const isText = !identifier.includes('\0');
    const rows = isText ? await listPushes(this.db.work, tenantId, filter, undefined, 1) : [];
    const [push] = await this.answers(tenantId, rows);
    if (push === undefined) throw new Problem('push_not_found', 'no push has this identifier');
    return push;
  }

  async list(tenantId: string, query: PushQueryDto, page: PageRequest): Promise<Page<PushAnswer>> {
    const filter = await this.filterOf(tenantId, query);
    if (filter === undefined) return { data: [], next_cursor: null };
    const rows = await listPushes(this.db.work, tenantId, filter, page.after, page.limit + 1);
    const { data, next_cursor } = toPage(rows, page, (row) => [
      formatInstantMicros(row.madeAt),
      row.identifier,
    ]);
    return { data: await this.answers(tenantId, data), next_cursor };
  }

  /** @returns Nothing where the query names a customer or meter that is not there. */
  private async filterOf(
    tenantId: string,
    { status, customer_id: identity, meter: key }: PushQueryDto,
  ): Promise<PushFilter | undefined> {
    const filter: { -readonly [Name in keyof PushFilter]: PushFilter[Name] } = {};
    if (status !== undefined) filter.status = status;
    if (identity !== undefined) {
      const found = await customersByIdentity(this.db.work, tenantId, [identity]);
      const customer = found.get(identity);
      if (customer === undefined) return undefined;
      filter.customerNo = customer.customerNo;
    }
    if (key !== undefined) {
      const meter = await meterByKey(this.db.work, tenantId, key);
      if (meter === undefined) return undefined;
      filter.meterNo = meter.meterNo;
    }
    return filter;
  }

  private async answers(tenantId: string, rows: readonly PushRow[]): Promise<PushAnswer[]> {
    const identifiers = rows.filter(({ status }) => status !== 'held').map((row) => row.identifier);
    const transitions = await transitionsOf(this.db.work, tenantId, identifiers);
    return rows.map((row) => ({
      identifier: row.identifier,
      meter: row.meter,
      customer_id: row.customerId,
      stripe_customer_id: row.stripeCustomerId,
      period_start: formatInstant(row.periodStart),
      sequence: row.sequence,
      kind: row.kind,
      value: row.value,
      timestamp: instantOrNull(row.timestamp),
      status: row.status,
      reason: row.reason,
      attempts: row.attempts,
      first_attempt_at: instantOrNull(row.firstAttemptAt),
      last_error: row.lastError,
      transitions: transitions
        .filter(({ identifier }) => identifier === row.identifier)
        .map(({ from, to, reason, at }) => ({ from, to, reason, at: formatInstant(at) })),
    }));
  }
}

function instantOrNull(instant: Micros | null): string | null {
  return instant === null ? null : formatInstant(instant);
}
