import { Injectable } from '@nestjs/common';
import type Stripe from 'stripe';
import { MICROS_PER_MILLISECOND } from '../domain/instant.js';
import { Metrics } from '../metrics/metrics.js';
import { PushTarget, type PushBody, type SendOutcome } from './push-target.js';
import { outcomeOfError } from './send-outcome.js';
import type { StripeAccount } from './stripe-account.js';
import { StripePace } from './stripe-pace.js';
import { clientOfV2 } from './stripe-v2-client.js';

/**
 * Pushes as meter events of Stripe's v2 API: it keeps idempotency keys for 30 days instead of one,
 * executes again under them what failed, and has a code for each refusal. Identifiers it remembers
 * for a rolling day, as v1.
 * Source: https://docs.stripe.com/api/v2/billing/meter-event/create
 */
@Injectable()
export class StripeV2MeterEvents extends PushTarget {
  constructor(
    private readonly pace: StripePace,
    private readonly metrics: Metrics,
  ) {
    super();
  }

  async send(account: StripeAccount, body: PushBody, idempotencyKey: string): Promise<SendOutcome> {
    const end = this.metrics.stripeRequestSeconds.startTimer();
    const outcome = await call(clientOfV2(account), body, idempotencyKey);
    end({ outcome: outcome.kind });
    if (outcome.kind === 'try_later' && outcome.tooFast) await this.pace.slowDown(account);
    return outcome;
  }
}

async function call(client: Stripe, body: PushBody, idempotencyKey: string): Promise<SendOutcome> {
  try {
    const event = await client.v2.billing.meterEvents.create(
      {
        event_name: body.eventName,
        payload: { [body.customerKey]: body.stripeCustomerId, [body.valueKey]: body.value },
        identifier: body.identifier,
        timestamp: new Date(body.timestamp / MICROS_PER_MILLISECOND).toISOString(),
      },
      { idempotencyKey },
    );
    // Whoever else may answer 200 between us and Stripe does not know the identifier.
    if (event.identifier === body.identifier) return { kind: 'delivered' };
    return { kind: 'unknown', why: 'the answer is not that of a meter event' };
  } catch (error) {
    return outcomeOfError(error);
  }
}
