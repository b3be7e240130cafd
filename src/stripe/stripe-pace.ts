import { Injectable } from '@nestjs/common';
import { TokenBucket } from 'limiter';
import { Config } from '../config/config.js';

/** Of a second: what may be called at once after a pause. Twenty a second then stay under 25. */
const BURST_SECONDS = 0.1;
/** After a 429 the pace halves; each answer after that gives a hundredth of the full pace back. */
const SLOWED_BY = 2;
const RECOVERED_BY = 0.01;

/** The pace of calls, one bucket for each Stripe account and mode, in this process. */
@Injectable()
export class StripePace {
  private readonly buckets = new Map<string, TokenBucket>();

  constructor(private readonly config: Config) {}

  get callsPerSecond(): number {
    return this.config.stripeCallsPerSecond;
  }

  /** Waits for the account's next turn. */
  async turn(account: AccountName): Promise<void> {
    await this.bucket(account).removeTokens(1);
  }

  slowDown(account: AccountName): void {
    const bucket = this.bucket(account);
    bucket.tokensPerInterval = Math.max(1, bucket.tokensPerInterval / SLOWED_BY);
  }

  recover(account: AccountName): void {
    const bucket = this.bucket(account);
    const step = this.callsPerSecond * RECOVERED_BY;
    bucket.tokensPerInterval = Math.min(this.callsPerSecond, bucket.tokensPerInterval + step);
  }

  private bucket({ accountId, livemode }: AccountName): TokenBucket {
    const name = `${accountId} ${livemode}`;
    let bucket = this.buckets.get(name);
    if (bucket === undefined) {
      const tokensPerInterval = this.callsPerSecond;
      const bucketSize = Math.max(1, Math.floor(tokensPerInterval * BURST_SECONDS));
      bucket = new TokenBucket({ bucketSize, tokensPerInterval, interval: 'second' });
      this.buckets.set(name, bucket);
    }
    return bucket;
  }
}

interface AccountName {
  readonly accountId: string;
  readonly livemode: boolean;
}
