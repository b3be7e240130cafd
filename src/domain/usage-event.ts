import type { Micros } from './instant.js';

/** A property's value as the client sent it; objects and arrays are refused at the door. */
export type PropertyValue = string | number | boolean;

/**
 * One usage event, checked and normalised, as it waits to be recorded.
 *
 * Texts are exactly what the client sent; `quantity` is a canonical decimal (`-?digits[.digits]`,
 * no leading `+` or zeros, no trailing fraction zeros, never `-0`), absent where none was sent.
 */
export interface UsageEvent {
  readonly usageEventId: string;
  /** Who made the id; the empty string where absent. */
  readonly source: string;
  readonly customerId: string;
  /** A meter's key or an event type that meters list. */
  readonly meter: string;
  readonly quantity: string | undefined;
  /** Absent: the time of first receipt. */
  readonly occurredAt: Micros | undefined;
  readonly properties: Readonly<Record<string, PropertyValue>> | undefined;
}
