import type { Provider } from '@nestjs/common';
import { Config } from '../config/config.js';
import { FileAccounts, FileMeters } from './file-site.js';
import { FileTarget } from './file-target.js';
import { PushAccounts, PushMeters } from './push-site.js';
import { PushTarget } from './push-target.js';
import { StripeAccounts } from './stripe-accounts.js';
import { StripeMeterEvents } from './stripe-meter-events.js';
import { StripeMeters } from './stripe-meters.js';
import { StripeV2MeterEvents } from './stripe-v2-meter-events.js';

type Chosen = Pick<Config, 'PUSH_TARGET'>;

/** The target that PUSH_TARGET names. */
export const PUSH_TARGET_PROVIDERS: Provider[] = [
  StripeMeterEvents,
  StripeV2MeterEvents,
  FileTarget,
  FileAccounts,
  FileMeters,
  {
    provide: PushTarget,
    inject: [Config, StripeMeterEvents, StripeV2MeterEvents, FileTarget],
    useFactory: (
      { PUSH_TARGET }: Chosen,
      stripe_v1: PushTarget,
      stripe_v2: PushTarget,
      file: PushTarget,
    ): PushTarget => ({ stripe_v1, stripe_v2, file })[PUSH_TARGET],
  },
  {
    provide: PushAccounts,
    inject: [Config, StripeAccounts, FileAccounts],
    useFactory: (config: Chosen, stripe: PushAccounts, file: PushAccounts): PushAccounts =>
      config.PUSH_TARGET === 'file' ? file : stripe,
  },
  {
    provide: PushMeters,
    inject: [Config, StripeMeters, FileMeters],
    useFactory: (config: Chosen, stripe: PushMeters, file: PushMeters): PushMeters =>
      config.PUSH_TARGET === 'file' ? file : stripe,
  },
];
