import { Injectable } from '@nestjs/common';
import { claimInvoices, endInvoices } from '../customers/invoice-reading.store.js';
import { Database } from '../database/database.js';
import { readGate } from '../database/gate.js';
import {
  MICROS_PER_DAY,
  MICROS_PER_HOUR,
  MICROS_PER_MINUTE,
  type Micros,
} from '../domain/instant.js';
import { StripeUnavailable, type StripeAccount } from '../stripe/stripe-account.js';
import { StripeAccounts } from '../stripe/stripe-accounts.js';
import { StripeInvoices } from '../stripe/stripe-invoices.js';
import { replanInvoiced } from './invoice.store.js';
import { InvoicedUsageReader } from './invoiced-usage.js';
import { keptInvoices, unsettledPeriods, type UnsettledPeriod } from './unsettled-period.store.js';

/** Webhooks go first, and Stripe needs a moment for what it does by itself. */
const LEAD = 2 * MICROS_PER_MINUTE;
/** How long after a failure. */
const RETRY = MICROS_PER_MINUTE;
/** So much earlier than the period's end, by our clock, may Stripe's have drawn the invoice up. */
const CLOCKS_APART = MICROS_PER_HOUR;
const PAUSE_MAX = MICROS_PER_DAY;

/**
 * Looks up the invoices of periods that ended by what Stripe says, and keeps them as the webhooks'
 * handlers do: `invoice.created` and `invoice.finalized` may be lost.
 */
@Injectable()
export class InvoiceLookup {
  constructor(
    private readonly db: Database,
    private readonly accounts: StripeAccounts,
    private readonly invoices: StripeInvoices,
    private readonly reader: InvoicedUsageReader,
  ) {}

  /**
   * Looks at all Stripe customers of a tenant that are due. Stripe is asked only for those that
   * have a period of which it is not known what became of its invoice.
   *
   * @returns How many were looked at.
   * @throws StripeUnavailable where Stripe does not answer, or not now.
   */
  async look(tenantId: string, isStopping = () => false): Promise<number> {
    const account = await this.accounts.of(tenantId);
    if (account === undefined) return 0;
    for (let looked = 0; ; looked++) {
      const { now } = await readGate(this.db.work, tenantId);
      if (isStopping()) return looked;
      const stripeCustomerId = await claimInvoices(this.db.work, tenantId, account, now);
      if (stripeCustomerId === undefined) return looked;
      const { accountId, livemode } = account;
      const customer = { accountId, livemode, stripeCustomerId };
      try {
        const readAt = await this.read(tenantId, account, stripeCustomerId, now);
        const left = await unsettledPeriods(this.db.work, tenantId, stripeCustomerId, now);
        const nextAt = nextLook(left, now);
        await endInvoices(this.db.work, tenantId, customer, { now, readAt, nextAt });
        // What was held only for this look goes on.
        if (readAt !== null && left.length > 0) await this.goOn(tenantId, left);
      } catch (error) {
        if (error instanceof StripeUnavailable) {
          const nextAt = now + RETRY;
          await endInvoices(this.db.work, tenantId, customer, { now, readAt: null, nextAt });
        }
        throw error;
      }
    }
  }

  /** @returns `now` where everything is known as of it; null where Stripe was not asked. */
  private async read(
    tenantId: string,
    account: StripeAccount,
    stripeCustomerId: string,
    now: Micros,
  ): Promise<Micros | null> {
    const unsettled = await unsettledPeriods(this.db.work, tenantId, stripeCustomerId, now);
    const asked = unsettled.filter((period) => !isOpenAt(period, now));
    if (asked.length === 0) return unsettled.length === 0 ? now : null;
    const from = Math.min(...asked.map(({ end }) => end)) - CLOCKS_APART;
    const listed = await this.invoices.drawnUp(account, stripeCustomerId, from);
    const kept = await keptInvoices(this.db.work, tenantId, account, listed);
    for (const invoice of listed) {
      if (kept.has(invoice.invoiceId)) continue;
      const { usage } = await this.reader.keep(tenantId, account, invoice);
      await this.reader.close(tenantId, usage);
    }
    const seen = new Set(listed.map(({ invoiceId }) => invoiceId));
    for (const id of new Set(asked.flatMap(({ draftId }) => draftId ?? []))) {
      if (!seen.has(id)) await this.reader.take(tenantId, account, id);
    }
    return now;
  }

  private async goOn(tenantId: string, periods: readonly UnsettledPeriod[]): Promise<void> {
    await this.db.work.transaction((tx) => replanInvoiced(tx, tenantId, periods));
  }
}

/** Whether its invoice is known to be a draft still. */
function isOpenAt({ finalizesAt }: UnsettledPeriod, now: Micros): boolean {
  return finalizesAt !== null && finalizesAt > now;
}

/** Often at first, as a draft lasts an hour; ever more seldom where there seems to be none. */
function nextLook(unsettled: readonly UnsettledPeriod[], now: Micros): Micros | null {
  if (unsettled.length === 0) return null;
  return Math.min(
    ...unsettled.map((period) =>
      isOpenAt(period, now)
        ? period.finalizesAt! + LEAD
        : now + Math.max(LEAD, Math.min(PAUSE_MAX, Math.floor((now - period.end) / 4))),
    ),
  );
}
