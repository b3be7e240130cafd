import { Injectable } from '@nestjs/common';
import { Metrics } from '../metrics/metrics.js';
import { meterEventBody } from './meter-event-body.js';
import { PushTarget, type PushBody, type SendOutcome } from './push-target.js';
import { outcomeOfError } from './send-outcome.js';
import type { StripeAccount } from './stripe-account.js';
import { StripePace } from './stripe-pace.js';

/**
 * Pushes as meter events of Stripe's v1 API.
 * Source: https://docs.stripe.com/api/billing/meter-event/create
 */
@Injectable()
export class StripeMeterEvents extends PushTarget {
  constructor(
    private readonly pace: StripePace,
    private readonly metrics: Metrics,
  ) {
    super();
  }

  async send(account: StripeAccount, body: PushBody, idempotencyKey: string): Promise<SendOutcome> {
    const end = this.metrics.stripeRequestSeconds.startTimer();
    const outcome = await call(account, body, idempotencyKey);
    end({ outcome: outcome.kind });
    if (outcome.kind === 'try_later' && outcome.tooFast) await this.pace.slowDown(account);
    return outcome;
  }
}

async function call(
  { client }: StripeAccount,
  body: PushBody,
  idempotencyKey: string,
): Promise<SendOutcome> {
  try {
    const event = await client.billing.meterEvents.create(meterEventBody(body), { idempotencyKey });
    // Whoever else may answer 200 between us and Stripe does not know the identifier.
    if (event.identifier === body.identifier) return { kind: 'delivered' };
    return { kind: 'unknown', why: 'the answer is not that of a meter event' };
  } catch (error) {
    return outcomeOfError(error);
  }
}
