import { hash } from 'node:crypto';
import { formatInstantMicros, type Micros } from './instant.js';

/** Everything that makes a push this push and no other: its lane, and its number in it. */
export interface PushOrigin {
  /** Random, made at the first migration: two installations never share an identifier. */
  readonly installationId: string;
  readonly tenantId: string;
  readonly accountId: string;
  readonly livemode: boolean;
  readonly stripeMeterId: string;
  readonly stripeCustomerId: string;
  readonly customerId: string;
  /**
   * How many erasures the tenant had seen when it got this customer: the id of an erased customer
   * may be used again, and the pushes of the erased one keep their identifiers.
   */
  readonly erasuresBefore: number;
  readonly meterKey: string;
  readonly periodStart: Micros;
  /** From 1 in each lane. */
  readonly sequence: number;
}

/** What is known of something that cannot be pushed. */
export type HoldOrigin = Pick<
  PushOrigin,
  'installationId' | 'tenantId' | 'customerId' | 'erasuresBefore' | 'meterKey' | 'periodStart'
>;

/** Stands in the hash, so that another way to make identifiers can never meet this one. */
const VERSION = '1';
const PREFIX = 'co1_';

/**
 * The `identifier` of a push: the same for every attempt of any process, at any time.
 *
 * Stripe enforces its uniqueness for at least 24 hours and promises no more, so it makes a retry
 * safe and not a replay. Whether it is unique per account, meter or customer is not documented;
 * all three are in it.
 * Source: https://docs.stripe.com/api/billing/meter-event/create (identifier).
 *
 * @returns 47 characters of `[A-Za-z0-9_-]`; Stripe allows 100.
 */
export function pushIdentifier(of: PushOrigin): string {
  const parts = [
    VERSION,
    of.installationId,
    of.tenantId,
    of.accountId,
    of.livemode ? 'live' : 'test',
    of.stripeMeterId,
    of.stripeCustomerId,
    of.customerId,
    of.meterKey,
    formatInstantMicros(of.periodStart),
    String(of.sequence),
    ...(of.erasuresBefore > 0 ? [String(of.erasuresBefore)] : []),
  ];
  return PREFIX + hash('sha256', JSON.stringify(parts), 'base64url');
}

/**
 * What a held value is called until it can be pushed. Its reason stands where a push has its Stripe
 * meter, whose ids hold no colon, and its sequence is 0: it is never the identifier of a push.
 */
export function holdIdentifier(of: HoldOrigin, reason: string): string {
  return pushIdentifier({
    ...of,
    accountId: '',
    livemode: false,
    stripeMeterId: `held:${reason}`,
    stripeCustomerId: '',
    sequence: 0,
  });
}
