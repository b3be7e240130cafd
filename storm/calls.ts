import { LEASE_S } from '../src/push/push-claim.store.js';
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
  /** By the clock of the history. */
  readonly begunAtMs: number;
  outcome: string | undefined;
}

/**
 * A call that is under way for longer lost its lease meanwhile, which it had for as long again before
 * it began: a process that stood still in one call has others under way while a day passes.
 */
const CALL_MAX_MS = (LEASE_S * 1_000) / 2;

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
      begunAtMs: Date.now(),
      outcome: undefined,
    };
    const other = this.inFlight.get(call.lane);
    if (other !== undefined && !wasStalled && !mayHaveLostItsLease(other)) {
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

function mayHaveLostItsLease({ wasStalled, begunAtMs }: Call): boolean {
  return wasStalled || Date.now() - begunAtMs > CALL_MAX_MS;
}
