import { Injectable } from '@nestjs/common';
import { requireCustomer } from '../customers/require-customer.js';
import { Database } from '../database/database.js';
import { toPage, type Page, type PageRequest } from '../database/page.js';
import { formatInstantMicros, type Micros } from '../domain/instant.js';
import { requireMeter } from '../meters/require-meter.js';
import { Problem } from '../problem/problem.js';
import type { UsageEventAnswer } from '../usage/usage-event.answer.js';
import { UsageEventService } from '../usage/usage-event.service.js';
import {
  billingPeriods,
  type BillingPeriodFilter,
  type BillingPeriodRow,
  type PeriodStatus,
} from './billing-period.query.js';
import { statementAnswers } from './statement-answer.js';
import type { StatementAnswer } from './statement.dto.js';

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
    const { data, next_cursor } = toPage(rows, page, (row) => [
      formatInstantMicros(row.periodStart),
      String(row.meterNo),
    ]);
    return { data: await statementAnswers(this.db.work, tenantId, data), next_cursor };
  }

  async get(
    tenantId: string,
    customerId: string,
    meter: string,
    start: Micros,
  ): Promise<StatementAnswer> {
    const row = await this.find(tenantId, customerId, meter, start);
    return (await statementAnswers(this.db.work, tenantId, [row]))[0]!;
  }

  /** The events whose entries add up to the statement, or to one of its amendments. */
  async usageEvents(
    tenantId: string,
    customerId: string,
    meter: string,
    { start, revision }: { readonly start: Micros; readonly revision: number },
    page: PageRequest,
  ): Promise<Page<UsageEventAnswer>> {
    const row = await this.find(tenantId, customerId, meter, start);
    const period = { meterNo: row.meterNo, start, revision };
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
}
