import type { FieldError } from '../problem/problem.js';

/** A usage event that was not recorded, on its way into quarantine. */
export interface RefusedEvent {
  /** Made from all that was sent: the same again has the same. */
  readonly id: string;
  readonly usageEventId: string;
  /** Null where what was sent is no source; so are customer and meter. */
  readonly source: string | null;
  readonly customerId: string | null;
  readonly meter: string | null;
  readonly shape: EventShape;
  readonly historical: boolean;
  /** JSON, as it was sent. */
  readonly event: string;
  readonly refusal: Refusal;
}

/** Which shape the events of a request have. */
export type EventShape = 'usage_event' | 'cloud_event';

/** Why an event was not recorded. */
export interface Refusal {
  /** Of the first error. */
  readonly code: string;
  /** Pointers into the event. */
  readonly errors: readonly RefusalError[];
  /** In what a conflicting event differs; null where that is not known, or it does not conflict. */
  readonly fields: readonly string[] | null;
}

export type RefusalError = Pick<FieldError, 'pointer' | 'detail'> & { readonly code: string };
