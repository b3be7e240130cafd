import { Injectable } from '@nestjs/common';
import { Big } from 'big.js';
import Stripe from 'stripe';
import { MICROS_PER_SECOND, type Micros } from '../domain/instant.js';
import { StripeUnavailable, type StripeAccount } from './stripe-account.js';
import { StripeReads, type ReadPurpose } from './stripe-reads.js';

/** What of Stripe's usage is read: half-open, from whole minute to whole minute. */
export interface SummaryRange {
  readonly stripeMeterId: string;
  readonly stripeCustomerId: string;
  readonly start: Micros;
  readonly end: Micros;
}

export interface HourSummary {
  readonly hour: Micros;
  /** Canonical decimal. */
  readonly value: string;
}

const PAGE_SIZE = 100;

/**
 * What Stripe has counted, by the timestamps of events, with Stripe's own lag: a read may miss what
 * was accepted, and may miss again what an earlier read showed.
 * Source: https://docs.stripe.com/api/billing/meter-event-summary/list
 */
@Injectable()
export class StripeSummaries {
  constructor(private readonly reads: StripeReads) {}

  /**
   * By the meter's own formula over the whole range, as a canonical decimal.
   *
   * @throws StripeUnavailable where Stripe does not answer, or not now.
   */
  async total(account: StripeAccount, range: SummaryRange, purpose: ReadPurpose): Promise<string> {
    const summaries = await this.list(account, range, undefined, purpose);
    const [summary] = summaries;
    return summary === undefined ? '0' : decimalOf(summary.aggregated_value);
  }

  /**
   * By UTC hour, in order of time; hours without usage are left out.
   *
   * @param range From whole UTC hour to whole UTC hour.
   * @throws StripeUnavailable where Stripe does not answer, or not now.
   */
  async byHour(
    account: StripeAccount,
    range: SummaryRange,
    purpose: ReadPurpose,
  ): Promise<HourSummary[]> {
    const summaries = await this.list(account, range, 'hour', purpose);
    return summaries
      .map(({ start_time, aggregated_value }) => ({
        hour: start_time * MICROS_PER_SECOND,
        value: decimalOf(aggregated_value),
      }))
      .sort((a, b) => a.hour - b.hour);
  }

  private async list(
    account: StripeAccount,
    { stripeMeterId, stripeCustomerId, start, end }: SummaryRange,
    window: 'hour' | undefined,
    purpose: ReadPurpose,
  ): Promise<Stripe.Billing.MeterEventSummary[]> {
    const summaries: Stripe.Billing.MeterEventSummary[] = [];
    let after: string | undefined;
    do {
      await this.reads.turn(account, purpose);
      const page = await this.page(account, stripeMeterId, {
        customer: stripeCustomerId,
        start_time: start / MICROS_PER_SECOND,
        end_time: end / MICROS_PER_SECOND,
        limit: PAGE_SIZE,
        ...(window !== undefined && { value_grouping_window: window }),
        ...(after !== undefined && { starting_after: after }),
      });
      summaries.push(...page.data);
      after = page.has_more ? page.data.at(-1)?.id : undefined;
    } while (after !== undefined);
    return summaries;
  }

  private async page(
    { client }: StripeAccount,
    stripeMeterId: string,
    params: Stripe.Billing.MeterListEventSummariesParams,
  ): Promise<Stripe.ApiList<Stripe.Billing.MeterEventSummary>> {
    try {
      return await client.billing.meters.listEventSummaries(stripeMeterId, params);
    } catch (error) {
      if (!(error instanceof Stripe.errors.StripeError)) throw error;
      throw new StripeUnavailable(`Stripe did not show its summaries: ${error.message}`, {
        cause: error,
      });
    }
  }
}

/** Stripe shows a JSON number: at most 15 digits of it are told exactly. */
function decimalOf(value: number): string {
  return new Big(value).toFixed();
}
