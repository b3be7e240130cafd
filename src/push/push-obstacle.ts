import type { Aggregation } from '../domain/meter.js';
import type { ValueRule } from '../domain/value-rule.js';
import type { HoldReason, UnbillableReason } from '../outbox/hold-reason.js';
import type { StripeMeter } from '../stripe/stripe-meter.js';
import { presumedKind, pushKind, type PushKind } from './push-kind.js';

/** What stands at Stripe for a tenant, read before any plan is made. */
export type StripeSide =
  | { readonly kind: 'not_configured' }
  /** The key is not accepted, or not for reading meters. */
  | { readonly kind: 'refused'; readonly detail: string }
  | {
      readonly kind: 'account';
      readonly accountId: string;
      readonly livemode: boolean;
      /** What its target takes. */
      readonly values: ValueRule;
      /** By event name, for the names asked for; undefined where the account has none. */
      readonly meters: ReadonlyMap<string, StripeMeter | undefined>;
    };

/** The two ends that a push needs to have names at Stripe. */
export interface Mapping {
  readonly aggregation: Aggregation;
  readonly stripeEventName: string | null;
  readonly stripeCustomerId: string | null;
  /** Why what is not pushed yet will never be billed. */
  readonly unbillable?: UnbillableReason | null;
  /** Whether one subscription item bills the period; nothing where that is not asked for. */
  readonly pricing?: 'one' | 'none' | 'several' | null;
  /** Whether its invoice may be final by now, and Stripe was not asked since. */
  readonly isInvoiceUnread?: boolean;
}

/** Where the pushes of a period go. */
export interface Destination {
  readonly accountId: string;
  readonly livemode: boolean;
  readonly stripeCustomerId: string;
  readonly values: ValueRule;
  readonly meter: StripeMeter;
}

export type Route =
  | { readonly kind: PushKind; readonly destination: Destination }
  | { readonly kind: PushKind; readonly obstacle: HoldReason; readonly detail?: string };

/** The way to Stripe, or the first thing that stands in it. */
export function routeOf(side: StripeSide, mapping: Mapping): Route {
  const kind = presumedKind(mapping.aggregation);
  const { stripeEventName, stripeCustomerId, unbillable, pricing, isInvoiceUnread } = mapping;
  if (unbillable) return { kind, obstacle: unbillable };
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
  if (pricing === 'none') return { kind: fitting, obstacle: 'no_subscription_item' };
  if (pricing === 'several') return { kind: fitting, obstacle: 'several_subscription_items' };
  if (isInvoiceUnread) return { kind: fitting, obstacle: 'invoice_not_read' };
  const { accountId, livemode, values } = side;
  return { kind: fitting, destination: { accountId, livemode, stripeCustomerId, values, meter } };
}

function formulaOf({ formula, eventTimeWindow }: StripeMeter): string {
  const window = eventTimeWindow === null ? '' : `, event_time_window ${eventTimeWindow}`;
  return `the Stripe meter has formula ${formula}${window}`;
}
