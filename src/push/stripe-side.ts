import { Injectable } from '@nestjs/common';
import { Config } from '../config/config.js';
import { PushAccounts, PushMeters } from '../stripe/push-site.js';
import { StripeUnavailable } from '../stripe/stripe-account.js';
import type { StripeMeter } from '../stripe/stripe-meter.js';
import type { StripeSide } from './push-obstacle.js';

/** Reads what stands at Stripe, before a transaction begins that plans with it. */
@Injectable()
export class StripeSideReader {
  constructor(
    private readonly accounts: PushAccounts,
    private readonly meters: PushMeters,
    private readonly config: Config,
  ) {}

  /** @throws StripeUnavailable where Stripe has to be asked and does not answer. */
  async read(tenantId: string, eventNames: ReadonlySet<string>): Promise<StripeSide> {
    try {
      const account = await this.accounts.of(tenantId);
      if (account === undefined) return { kind: 'not_configured' };
      const meters = new Map<string, StripeMeter | undefined>();
      for (const name of eventNames) {
        meters.set(name, await this.meters.find(tenantId, account, name));
      }
      const { accountId, livemode } = account;
      return { kind: 'account', accountId, livemode, values: this.config.pushValues, meters };
    } catch (error) {
      if (!(error instanceof StripeUnavailable && error.isRefusal)) throw error;
      return { kind: 'refused', detail: error.message };
    }
  }
}
