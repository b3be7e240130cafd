import type { Aggregation } from '../domain/meter.js';
import type { StripeMeter } from '../stripe/stripe-meter.js';
import { presumedKind, pushKind, type PushKind } from './push-kind.js';

/** Why usage is not pushed as things stand. Each can be cured but `too_old`. */
export type HoldReason =
  | 'too_old'
  | 'stripe_not_configured'
  | 'stripe_refused'
  | 'meter_unmapped'
  | 'customer_unmapped'
  | 'meter_not_found'
  | 'meter_inactive'
  | 'formula_mismatch'
  | 'value_not_representable'
  | 'lane_parked'
  | 'no_free_minute';

/** What stands at Stripe for a tenant, read before any plan is made. */
export type StripeSide =
  | { readonly kind: 'not_configured' }
  /** The key is not accepted, or not for reading meters. */
  | { readonly kind: 'refused'; readonly detail: string }
  | {
      readonly kind: 'account';
      readonly accountId: string;
      readonly livemode: boolean;
      /** By event name, for the names asked for; undefined where the account has none. */
      readonly meters: ReadonlyMap<string, StripeMeter | undefined>;
    };

/** The two ends that a push needs to have names at Stripe. */
export interface Mapping {
  readonly aggregation: Aggregation;
  readonly stripeEventName: string | null;
  readonly stripeCustomerId: string | null;
}

/** Where the pushes of a period go. */
export interface Destination {
  readonly accountId: string;
  readonly livemode: boolean;
  readonly stripeCustomerId: string;
  readonly meter: StripeMeter;
}

export type Route =
  | { readonly kind: PushKind; readonly destination: Destination }
  | { readonly kind: PushKind; readonly obstacle: HoldReason; readonly detail?: string };

/** The way to Stripe, or the first thing that stands in it. */
export function routeOf(side: StripeSide, mapping: Mapping): Route {
  const kind = presumedKind(mapping.aggregation);
  const { stripeEventName, stripeCustomerId } = mapping;
  if (side.kind === 'not_configured') return { kind, obstacle: 'stripe_not_configured' };
  if (stripeEventName === null) return { kind, obstacle: 'meter_unmapped' };
  if (stripeCustomerId === null) return { kind, obstacle: 'customer_unmapped' };
  if (side.kind === 'refused') return { kind, obstacle: 'stripe_refused', detail: side.detail };
  const meter = side.meters.get(stripeEventName);
  if (meter === undefined) return { kind, obstacle: 'meter_not_found' };
  const fitting = pushKind(mapping.aggregation, meter);
  if (meter.status !== 'active') return { kind: fitting ?? kind, obstacle: 'meter_inactive' };
  if (fitting === undefined)
    return { kind, obstacle: 'formula_mismatch', detail: formulaOf(meter) };
  const { accountId, livemode } = side;
  return { kind: fitting, destination: { accountId, livemode, stripeCustomerId, meter } };
}

function formulaOf({ formula, eventTimeWindow }: StripeMeter): string {
  const window = eventTimeWindow === null ? '' : `, event_time_window ${eventTimeWindow}`;
  return `the Stripe meter has formula ${formula}${window}`;
}
