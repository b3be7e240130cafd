import { isAdditive, type Aggregation } from '../domain/meter.js';
import type { StripeMeter } from '../stripe/stripe-meter.js';

/**
 * How the usage of a period reaches Stripe: as a delta for each hour, so that each hour is billed at
 * the price of its time; as a delta of the period's value; or as the period's value itself.
 */
export type PushKind = 'hourly_delta' | 'period_delta' | 'total';

/** @returns Nothing where the Stripe meter would make another number of it. */
export function pushKind(
  aggregation: Aggregation,
  { formula, eventTimeWindow }: Pick<StripeMeter, 'formula' | 'eventTimeWindow'>,
): PushKind | undefined {
  // A window keeps only the event received last in it: what came before would be lost.
  if (eventTimeWindow !== null || formula === 'count') return undefined;
  if (formula === 'last') return 'total';
  if (aggregation === 'last') return undefined;
  return isAdditive(aggregation) ? 'hourly_delta' : 'period_delta';
}

/** What to reckon with while the Stripe meter is not known or does not fit. */
export function presumedKind(aggregation: Aggregation): PushKind {
  if (isAdditive(aggregation)) return 'hourly_delta';
  return aggregation === 'last' ? 'total' : 'period_delta';
}
