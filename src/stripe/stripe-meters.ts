import { Injectable } from '@nestjs/common';
import Stripe from 'stripe';
import { Database } from '../database/database.js';
import { MICROS_PER_MILLISECOND } from '../domain/instant.js';
import { nameOf } from './account-name.js';
import { StripeUnavailable, type StripeAccount } from './stripe-account.js';
import { StripeAccounts } from './stripe-accounts.js';
import {
  byEventName,
  type StripeFormula,
  type StripeMeter,
  type StripeMeterStatus,
} from './stripe-meter.js';
import { storedMeter, storeMeters } from './stripe-meter.store.js';

/** How long what was read of a meter is believed. Reads are scarce: 25 a second, and an allocation. */
export const METER_READ_VALID_MS = 5 * 60_000;
/** How long an account is not asked again for a meter it did not have. */
const ABSENCE_VALID_MS = 60_000;
const PAGE_SIZE = 100;

export type MeterCheck =
  | {
      readonly meter: string;
      readonly formula: StripeFormula;
      readonly status: StripeMeterStatus;
    }
  | { readonly problem: MeterProblem };

export const METER_PROBLEMS = [
  'stripe_not_configured',
  'meter_not_found',
  'stripe_refused',
  'stripe_unavailable',
] as const;
export type MeterProblem = (typeof METER_PROBLEMS)[number];

/** The billing meters of Stripe accounts, read seldom and kept. */
@Injectable()
export class StripeMeters {
  /** When each account was last listed by this process, unix milliseconds. */
  private readonly listedAt = new Map<string, number>();

  constructor(
    private readonly db: Database,
    private readonly accounts: StripeAccounts,
  ) {}

  /**
   * The meter that takes events of a name, as of at most five minutes ago.
   *
   * @param fresh Asks Stripe now.
   * @throws StripeUnavailable where Stripe has to be asked and does not answer.
   */
  async find(
    tenantId: string,
    account: StripeAccount,
    eventName: string,
    fresh = false,
  ): Promise<StripeMeter | undefined> {
    const stored = await storedMeter(this.db.work, tenantId, account, eventName);
    if (!fresh && this.isValid(account, stored)) return stored;
    await this.list(tenantId, account);
    return storedMeter(this.db.work, tenantId, account, eventName);
  }

  /** What stands at Stripe under an event name, for whoever has just mapped a meter to it. */
  async check(tenantId: string, eventName: string): Promise<MeterCheck> {
    try {
      const account = await this.accounts.of(tenantId);
      if (account === undefined) return { problem: 'stripe_not_configured' };
      const found = await this.find(tenantId, account, eventName, true);
      if (found === undefined) return { problem: 'meter_not_found' };
      return { meter: found.stripeMeterId, formula: found.formula, status: found.status };
    } catch (error) {
      if (!(error instanceof StripeUnavailable)) throw error;
      return { problem: error.isRefusal ? 'stripe_refused' : 'stripe_unavailable' };
    }
  }

  private isValid(account: StripeAccount, stored: StripeMeter | undefined): boolean {
    if (stored === undefined) {
      return Date.now() - (this.listedAt.get(nameOf(account)) ?? 0) < ABSENCE_VALID_MS;
    }
    return Date.now() - stored.readAt / MICROS_PER_MILLISECOND < METER_READ_VALID_MS;
  }

  private async list(tenantId: string, account: StripeAccount): Promise<void> {
    const meters: Stripe.Billing.Meter[] = [];
    try {
      for await (const meter of account.client.billing.meters.list({ limit: PAGE_SIZE })) {
        meters.push(meter);
      }
    } catch (error) {
      if (!(error instanceof Stripe.errors.StripeError)) throw error;
      throw new StripeUnavailable(`Stripe did not list its meters: ${error.message}`, {
        cause: error,
      });
    }
    await this.db.work.transaction((tx) => storeMeters(tx, tenantId, account, byEventName(meters)));
    this.listedAt.set(nameOf(account), Date.now());
  }
}
