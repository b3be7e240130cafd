import { Injectable } from '@nestjs/common';
import { TokenBucket } from 'limiter';
import type { StripeAccount } from './stripe-account.js';

/** What a read is for: settling what is not known goes before checking what is. */
export type ReadPurpose = 'settle' | 'check';

/** Of the 25 a second that Stripe allows an endpoint, so that others keep some. */
const READS_PER_SECOND = 10;

/** The pace of reads, one bucket for each Stripe account and mode. */
@Injectable()
export class StripeReads {
  private readonly buckets = new Map<string, TokenBucket>();

  /** Waits for the account's next turn. */
  async turn({ accountId, livemode }: StripeAccount, _purpose: ReadPurpose): Promise<void> {
    const name = `${accountId} ${livemode}`;
    let bucket = this.buckets.get(name);
    if (bucket === undefined) {
      bucket = new TokenBucket({
        bucketSize: READS_PER_SECOND,
        tokensPerInterval: READS_PER_SECOND,
        interval: 'second',
      });
      bucket.content = READS_PER_SECOND;
      this.buckets.set(name, bucket);
    }
    await bucket.removeTokens(1);
  }
}
