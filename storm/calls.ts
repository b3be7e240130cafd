import type { PushBody } from '../src/stripe/push-target.js';
import type { StripeAccount } from '../src/stripe/stripe-account.js';

/** One call of a push, by any process. */
export interface Call {
  readonly process: number;
  readonly identifier: string;
  readonly idempotencyKey: string;
  /** All that is sent, as one text. */
  readonly body: string;
  /** Whom Stripe allows one call at a time: account, mode, Stripe customer, event name. */
  readonly lane: string;
  /** The process stood still before it: its lease may have been over. */
  readonly wasStalled: boolean;
  outcome: string | undefined;
}

/** What went over the wire in a history, whatever became of it. */
export class Calls {
  readonly all: Call[] = [];
  /** Two calls under way at once for one Stripe customer and meter. */
  readonly overlaps: string[] = [];
  private readonly inFlight = new Map<string, Call>();

  begin(
    process: number,
    { accountId, livemode }: StripeAccount,
    body: PushBody,
    idempotencyKey: string,
    wasStalled: boolean,
  ): Call {
    const { identifier, stripeCustomerId, eventName } = body;
    const sent = [body.customerKey, stripeCustomerId, body.valueKey, body.value, body.timestamp];
    const call: Call = {
      process,
      identifier,
      idempotencyKey,
      body: JSON.stringify([identifier, eventName, ...sent]),
      lane: `${accountId} ${livemode} ${stripeCustomerId} ${eventName}`,
      wasStalled,
      outcome: undefined,
    };
    const other = this.inFlight.get(call.lane);
    if (other !== undefined && !wasStalled && !other.wasStalled) {
      this.overlaps.push(
        `${call.lane}: ${identifier} by process ${process} while ${other.identifier} by process ${other.process}`,
      );
    }
    this.inFlight.set(call.lane, call);
    this.all.push(call);
    return call;
  }

  end(call: Call, outcome: string): void {
    call.outcome = outcome;
    if (this.inFlight.get(call.lane) === call) this.inFlight.delete(call.lane);
  }
}
