import { Injectable } from '@nestjs/common';
import { requireCustomer } from '../customers/require-customer.js';
import { Database } from '../database/database.js';
import { toPage, type Page, type PageRequest } from '../database/page.js';
import { sumOf } from '../domain/decimal-arithmetic.js';
import { formatInstant, formatInstantMicros, type Micros } from '../domain/instant.js';
import { requireMeter } from '../meters/require-meter.js';
import { Problem } from '../problem/problem.js';
import { statementValues } from '../usage/statement-values.js';
import { periodKeyText } from '../usage/period-values.js';
import { pushedValues, type PushedValue } from '../usage/pushed-values.js';
import { UsageEventService } from '../usage/usage-event.service.js';
import { statementDigest } from '../domain/entry-digest.js';
import { divideParts } from './amendment-parts.js';
import { amendmentsOf, type Amendment } from './amendment.query.js';
import {
  billingPeriods,
  carriedOut,
  type BillingPeriodFilter,
  type BillingPeriodRow,
  type PeriodStatus,
} from './billing-period.query.js';
import { invoicesOf, type PeriodInvoice } from './period-invoice.query.js';

/** A billing period with its statement, or, while it is not closed, what the statement would say. */
export type StatementAnswer = Record<string, unknown>;

@Injectable()
export class BillingPeriodService {
  constructor(
    private readonly db: Database,
    private readonly events: UsageEventService,
  ) {}

  async list(
    tenantId: string,
    customerId: string,
    query: { meter?: string; status?: PeriodStatus },
    page: PageRequest,
  ): Promise<Page<StatementAnswer>> {
    const { customerNo } = await requireCustomer(this.db.work, tenantId, customerId);
    const meterNo =
      query.meter === undefined
        ? null
        : (await requireMeter(this.db.work, tenantId, query.meter)).meterNo;
    const filter = { customerNo, meterNo, start: null, status: query.status ?? null };
    const rows = await billingPeriods(this.db.work, tenantId, filter, page.after, page.limit + 1);
    const { data, next_cursor } = toPage(rows, page.limit, (row) => [
      formatInstantMicros(row.periodStart),
      String(row.meterNo),
    ]);
    return { data: await this.statements(tenantId, data), next_cursor };
  }

  async get(
    tenantId: string,
    customerId: string,
    meter: string,
    start: Micros,
  ): Promise<StatementAnswer> {
    const row = await this.find(tenantId, customerId, meter, start);
    return (await this.statements(tenantId, [row]))[0]!;
  }

  /** The events whose entries add up to the statement. */
  async usageEvents(
    tenantId: string,
    customerId: string,
    meter: string,
    start: Micros,
    page: PageRequest,
  ): Promise<Page<Record<string, unknown>>> {
    const row = await this.find(tenantId, customerId, meter, start);
    const period = { meterNo: row.meterNo, start };
    return this.events.list(tenantId, { customerId, period }, page);
  }

  private async find(
    tenantId: string,
    customerId: string,
    meter: string,
    start: Micros,
  ): Promise<BillingPeriodRow> {
    const { customerNo } = await requireCustomer(this.db.work, tenantId, customerId);
    const { meterNo } = await requireMeter(this.db.work, tenantId, meter);
    const filter: BillingPeriodFilter = { customerNo, meterNo, start, status: null };
    const [row] = await billingPeriods(this.db.work, tenantId, filter, undefined, 1);
    if (row === undefined) {
      throw new Problem(
        'billing_period_not_found',
        'the customer has no usage in a period of this start',
      );
    }
    return row;
  }

  private async statements(
    tenantId: string,
    rows: readonly BillingPeriodRow[],
  ): Promise<StatementAnswer[]> {
    const open = rows.filter((row) => row.closedAt === null);
    const values = await statementValues(this.db.work, tenantId, open);
    const nowOf = new Map(open.map((row, i) => [row, values[i]!]));
    const periods = rows.map((row) => ({ ...row, value: row.value ?? nowOf.get(row)!.value }));
    const out = await carriedOut(this.db.work, tenantId, rows);
    const amendments = await amendmentsOf(this.db.work, tenantId, periods);
    const amended = periods.map((period) => {
      const changes = (amendments.get(periodKeyText(period)) ?? []).map(({ value }) => value);
      return { ...period, changes, value: sumOf([period.value, ...changes]) };
    });
    const pushed = await pushedValues(this.db.work, tenantId, amended);
    const invoices = await invoicesOf(this.db.work, tenantId, rows);
    return rows.map((row, i) => {
      const now = nowOf.get(row);
      const eventCount = row.eventCount ?? now!.eventCount;
      const digest = row.digest ?? statementDigest(eventCount, now!.digestSum);
      const { changes, value: amendedValue } = amended[i]!;
      const parts = divideParts(pushed.get(periodKeyText(row))!, changes);
      return {
        customer_id: row.customerId,
        meter: row.meter,
        period_start: formatInstant(row.periodStart),
        period_end: formatInstant(row.periodEnd),
        status: row.status,
        closed_at: row.closedAt === null ? null : formatInstant(row.closedAt),
        value: periods[i]!.value,
        event_count: eventCount,
        carried_in: row.carriedIn ?? now!.carriedIn,
        carried_out: out[i]!,
        ...toParts(parts.statement),
        invoice: toInvoice(invoices.get(periodKeyText(row))),
        amendments: (amendments.get(periodKeyText(row)) ?? []).map((amendment, at) =>
          toAmendment(amendment, parts.amendments[at]!),
        ),
        amended_value: amendedValue,
        digest: digest.toString('hex'),
      };
    });
  }
}

function toInvoice(invoice: PeriodInvoice | undefined): Record<string, unknown> | null {
  if (invoice === undefined) return null;
  const { id, status, finalizesAt } = invoice;
  return { id, status, finalizes_at: finalizesAt === null ? null : formatInstant(finalizesAt) };
}

function toParts(parts: PushedValue): Record<string, string> {
  return {
    delivered_value: parts.delivered,
    confirmed_value: parts.confirmed,
    pending_value: parts.pending,
    unknown_value: parts.unknown,
    held_value: parts.held,
    rejected_value: parts.rejected,
    excluded_value: parts.excluded,
    unbillable_value: parts.unbillable,
  };
}

/** One that is not frozen yet grows with what comes; its number is the one it will have. */
function toAmendment(amendment: Amendment, parts: PushedValue): Record<string, unknown> {
  const { revision, value, eventCount, digest, createdAt } = amendment;
  return {
    revision,
    status: createdAt === null ? 'pending' : 'closed',
    value,
    event_count: eventCount,
    created_at: createdAt === null ? null : formatInstant(createdAt),
    ...toParts(parts),
    digest: digest.toString('hex'),
  };
}
