import type { AccountName } from './account-name.js';
import type { StripeMeter } from './stripe-meter.js';

/** An account that pushes go to, as its target names it. */
export interface PushAccount extends AccountName {
  /** What its calls go through; another one where its key was changed. */
  readonly client?: object;
}

/** Which account of the target each tenant pushes to. */
export abstract class PushAccounts {
  /**
   * @returns Nothing where the tenant has none; else the same object while nothing changes.
   * @throws StripeUnavailable where the account cannot be told now.
   */
  abstract of(tenantId: string): Promise<PushAccount | undefined>;

  /** Whether the tenant has an account at this moment. */
  abstract isConfigured(tenantId: string): Promise<boolean>;
}

/** What takes events at the target. */
export abstract class PushMeters {
  /**
   * @returns Nothing where nothing there has that event name.
   * @throws StripeUnavailable where it cannot be told now.
   */
  abstract find(
    tenantId: string,
    account: PushAccount,
    eventName: string,
  ): Promise<StripeMeter | undefined>;
}
