import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { behindClosedGate, readGate } from '../database/gate.js';
import {
  formatInstant,
  formatInstantMicros,
  MICROS_PER_MINUTE,
  type Micros,
} from '../domain/instant.js';
import { auditCloses } from '../ledger/close-audit.js';
import { countDue, requestClose } from '../ledger/close-request.store.js';
import type { StripeAccount } from '../stripe/stripe-account.js';
import { StripeInvoices, type ReadInvoice } from '../stripe/stripe-invoices.js';
import { SubscriptionSync } from '../usage/subscription-sync.js';
import {
  customerMetersOf,
  forgetInvoice,
  hastenPushes,
  keepInvoice,
  replanInvoiced,
  type InvoicedUsage,
} from './invoice.store.js';
import type { Effect } from './stripe-event-handler.js';

/** A line that ends later bills what is still to come, as the first invoice of a subscription does. */
const AHEAD_MAX = MICROS_PER_MINUTE;

/** An invoice with what it bills of ours. */
export interface Invoiced {
  readonly invoice: ReadInvoice;
  readonly usage: readonly InvoicedUsage[];
  readonly effects: readonly Effect[];
}

/** Takes what Stripe's invoices say into our tables. */
@Injectable()
export class InvoicedUsageReader {
  constructor(
    private readonly db: Database,
    private readonly invoices: StripeInvoices,
    private readonly sync: SubscriptionSync,
  ) {}

  /**
   * Fetches an invoice and keeps what it says of usage of ours.
   *
   * @returns Nothing where there is no such invoice any more.
   */
  async take(
    tenantId: string,
    account: StripeAccount,
    invoiceId: string,
  ): Promise<Invoiced | undefined> {
    const invoice = await this.invoices.one(account, invoiceId);
    if (invoice === undefined) {
      await forgetInvoice(this.db.work, tenantId, account, invoiceId);
      return undefined;
    }
    return this.keep(tenantId, account, invoice);
  }

  /** Keeps what an invoice, as it was just read, says of usage of ours. */
  async keep(tenantId: string, account: StripeAccount, invoice: ReadInvoice): Promise<Invoiced> {
    const usage = await this.usageOf(tenantId, account, invoice);
    if (usage.length === 0) return { invoice, usage, effects: [] };
    await this.db.work.transaction(async (tx) => {
      const isNews = await keepInvoice(tx, tenantId, account, invoice, usage);
      if (isNews && invoice.status !== 'draft') await replanInvoiced(tx, tenantId, usage);
      if (invoice.finalizesAt !== null) {
        await hastenPushes(tx, tenantId, usage, invoice.finalizesAt);
      }
    });
    return { invoice, usage, effects: usage.map((each) => effectOf(invoice, each)) };
  }

  /**
   * Closes the periods that end where the invoice's lines do, once the tenant's clock is there.
   *
   * @returns How many of the lines have not ended by that clock.
   */
  async close(tenantId: string, usage: readonly InvoicedUsage[]): Promise<number> {
    const { now } = await readGate(this.db.work, tenantId);
    const ended = usage.filter(({ end }) => end <= now);
    for (const { customerNo, meterNo, end: asOf } of ended) {
      const scope = { customerNo, meterNo, asOf, byClock: false };
      if (await this.isClosedThrough(tenantId, customerNo, meterNo, asOf)) continue;
      const counts = await countDue(this.db.work, tenantId, scope);
      await behindClosedGate(this.db.work, tenantId, async (tx, gate) => {
        const id = await requestClose(tx, tenantId, scope, counts, gate);
        await auditCloses(tx, tenantId, [{ ...scope, id, due: counts.due }]);
      });
    }
    return usage.length - ended.length;
  }

  private async isClosedThrough(
    tenantId: string,
    customerNo: number,
    meterNo: number,
    asOf: Micros,
  ): Promise<boolean> {
    const rows = await this.db.work.query<{ closedThrough: Micros }>(
      `SELECT closed_through AS "closedThrough" FROM close_mark
        WHERE tenant_id = $1 AND customer_no IN (0, $2) AND meter_no IN (0, $3)
        UNION ALL
       SELECT closed_through FROM tenant WHERE tenant_id = $1`,
      [tenantId, customerNo, meterNo],
    );
    return rows.some(({ closedThrough }) => closedThrough >= asOf);
  }

  /** Periods that follow the schedule count where one of them ends with the line. */
  private async usageOf(
    tenantId: string,
    account: StripeAccount,
    invoice: ReadInvoice,
  ): Promise<InvoicedUsage[]> {
    const { stripeCustomerId, createdAt } = invoice;
    const lines = invoice.lines.filter(({ end }) => end <= createdAt + AHEAD_MAX);
    if (stripeCustomerId === null || lines.length === 0) return [];
    const ours = await customerMetersOf(this.db.work, tenantId, account, stripeCustomerId);
    const isSourced = lines.some(({ stripeMeterId }) =>
      ours.some((each) => each.isSourced && each.stripeMeterId === stripeMeterId),
    );
    if (isSourced) await this.sync.read(tenantId, account, stripeCustomerId, { invoiced: lines });
    const usage: InvoicedUsage[] = [];
    for (const { stripeMeterId, start, end } of lines) {
      for (const { customerNo, meterNo, ...each } of ours) {
        if (each.stripeMeterId !== stripeMeterId) continue;
        const isOurs =
          each.isSourced || (await this.endsWith(tenantId, { customerNo, meterNo, start, end }));
        if (isOurs) usage.push({ customerNo, meterNo, start, end });
      }
    }
    return usage;
  }

  private async endsWith(tenantId: string, usage: InvoicedUsage): Promise<boolean> {
    const { customerNo, meterNo, end } = usage;
    const rows = await this.db.work.query(
      `SELECT FROM billing_period
        WHERE tenant_id = $1 AND customer_no = $2 AND meter_no = $3
          AND period_end = $4::timestamptz`,
      [tenantId, customerNo, meterNo, formatInstantMicros(end)],
    );
    return rows.length > 0;
  }
}

function effectOf(invoice: ReadInvoice, { start, end }: InvoicedUsage): Effect {
  return {
    kind: 'invoiced',
    invoice: invoice.invoiceId,
    status: invoice.status,
    period_start: formatInstant(start),
    period_end: formatInstant(end),
  };
}
