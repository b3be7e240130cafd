import { Injectable } from '@nestjs/common';
import { StripeUnavailable } from '../stripe/stripe-account.js';
import { StripeAccounts } from '../stripe/stripe-accounts.js';
import type { StripeMeter } from '../stripe/stripe-meter.js';
import { StripeMeters } from '../stripe/stripe-meters.js';
import type { StripeSide } from './push-obstacle.js';

/** Reads what stands at Stripe, before a transaction begins that plans with it. */
@Injectable()
export class StripeSideReader {
  constructor(
    private readonly accounts: StripeAccounts,
    private readonly stripeMeters: StripeMeters,
  ) {}

  /** @throws StripeUnavailable where Stripe has to be asked and does not answer. */
  async read(tenantId: string, eventNames: ReadonlySet<string>): Promise<StripeSide> {
    try {
      const account = await this.accounts.of(tenantId);
      if (account === undefined) return { kind: 'not_configured' };
      const meters = new Map<string, StripeMeter | undefined>();
      for (const name of eventNames) {
        meters.set(name, await this.stripeMeters.find(tenantId, account, name));
      }
      return { kind: 'account', accountId: account.accountId, livemode: account.livemode, meters };
    } catch (error) {
      if (!(error instanceof StripeUnavailable && error.isRefusal)) throw error;
      return { kind: 'refused', detail: error.message };
    }
  }
}
