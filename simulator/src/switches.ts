/** How Stripe tells about a fault in an event: in the answer, or later after a 200. */
export type Reporting = 'sync' | 'async';

/**
 * What Stripe leaves open, contradicts itself about, or says only as a lower bound. A client that is
 * right stays right under every setting. Durations are milliseconds of the virtual clock unless said.
 */
export interface Switches {
  /** How long an accepted identifier is refused, from its receipt. Documented: 24 h or more. */
  identifierWindowMs: number | 'forever';
  /** Within what an identifier is unique. Not published. */
  identifierScope: 'account' | 'meter';
  /** Whether an identifier stays taken when its event was refused after the 200. Not published. */
  asyncRejectedIdentifier: 'taken' | 'free';
  /** Whether an identifier stays taken when its event was cancelled. Not published. */
  cancelledIdentifier: 'taken' | 'free';
  /** How long a v1 idempotency key is kept, from its first request. Documented: 24 h or more. */
  keyTtlMs: number;
  /** The error type of the 400 for a key over 255 characters. Not published. */
  longKeyErrorType: 'idempotency_error' | 'invalid_request_error';
  /** Timestamps over 35 days old or over 5 minutes ahead. */
  timestampOutOfRange: Reporting;
  /** A value that is missing or no number. */
  invalidValue: Reporting;
  /** The v1 guide takes decimals and negatives, the v2 reference says "a positive integer". */
  acceptedValues: 'decimal' | 'positive_integer';
  /** An event name without a meter, or with an inactive one. */
  unknownMeter: Reporting;
  unknownCustomer: Reporting;
  /** A second request in flight for one customer and meter: both statuses are documented. */
  concurrentSameCustomer: '409' | '429' | 'allowed';
  /** How long a request executes, real milliseconds; 0 is one turn of the event loop. */
  processingMs: number;
  /** From receipt to the first summary that shows the event; `paused` waits for a flush. */
  aggregationLagMs: number | 'paused';
  /** When positive, every second summary read shows the state of this long ago. */
  staleReplicaMs: number;
  /** `pending` adjustments take effect after the aggregation lag, `complete` ones at once. */
  adjustmentStatus: 'complete' | 'pending';
  /** Cancelling an identifier that was never accepted. Not published. */
  cancelUnknownIdentifier: 'reject' | 'accept';
  /** Cancelling what is cancelled already. Not published. */
  cancelTwice: 'reject' | 'accept';
}

const DAY_MS = 24 * 60 * 60 * 1000;

export const DEFAULT_SWITCHES: Readonly<Switches> = {
  identifierWindowMs: DAY_MS,
  identifierScope: 'account',
  asyncRejectedIdentifier: 'taken',
  cancelledIdentifier: 'taken',
  keyTtlMs: DAY_MS,
  longKeyErrorType: 'idempotency_error',
  timestampOutOfRange: 'sync',
  invalidValue: 'sync',
  acceptedValues: 'decimal',
  unknownMeter: 'sync',
  unknownCustomer: 'sync',
  concurrentSameCustomer: '409',
  processingMs: 0,
  aggregationLagMs: 0,
  staleReplicaMs: 0,
  adjustmentStatus: 'complete',
  cancelUnknownIdentifier: 'reject',
  cancelTwice: 'reject',
};

/** The settings of each switch that is a choice. */
export const SWITCH_CHOICES = {
  identifierScope: ['account', 'meter'],
  asyncRejectedIdentifier: ['taken', 'free'],
  cancelledIdentifier: ['taken', 'free'],
  longKeyErrorType: ['idempotency_error', 'invalid_request_error'],
  timestampOutOfRange: ['sync', 'async'],
  invalidValue: ['sync', 'async'],
  acceptedValues: ['decimal', 'positive_integer'],
  unknownMeter: ['sync', 'async'],
  unknownCustomer: ['sync', 'async'],
  concurrentSameCustomer: ['409', '429', 'allowed'],
  adjustmentStatus: ['complete', 'pending'],
  cancelUnknownIdentifier: ['reject', 'accept'],
  cancelTwice: ['reject', 'accept'],
} as const satisfies { readonly [Name in keyof Switches]?: readonly Switches[Name][] };
