import type { Duration } from './seeded-random.js';
import type { StaleReads } from './summary-replica.js';

/** How Stripe tells about a fault in an event: in the answer, or later after a 200. */
export type Reporting = 'sync' | 'async';

/**
 * What Stripe leaves open, contradicts itself about, or says only as a lower bound. A client that is
 * right stays right under every setting. Durations are milliseconds of the virtual clock unless said.
 */
export interface Switches {
  /** How long an accepted identifier is refused, from its receipt. Documented: 24 h or more. */
  identifierWindowMs: number | 'forever';
  /** Within what an identifier is unique; `customer` is within a meter too. Not published. */
  identifierScope: 'account' | 'meter' | 'customer';
  /** Whether an identifier stays taken when its event was refused after the 200. Not published. */
  asyncRejectedIdentifier: 'taken' | 'free';
  /** Whether an identifier stays taken when its event was cancelled. Not published. */
  cancelledIdentifier: 'taken' | 'free';
  /** How long a v1 idempotency key is kept, from its first request. Documented: 24 h or more. */
  keyTtlMs: number;
  /** How long a v2 idempotency key is kept. Documented: 30 days. */
  v2KeyTtlMs: number;
  /** Whether v2 refuses a request without `Stripe-Version`. Not published. */
  v2WithoutVersion: 'accept' | 'reject';
  /** The error type of the 400 for a key over 255 characters. Not published. */
  longKeyErrorType: 'idempotency_error' | 'invalid_request_error';
  /** Timestamps over 35 days old or over 5 minutes ahead. */
  timestampOutOfRange: Reporting;
  /** A value that is missing or no number. */
  invalidValue: Reporting;
  /** A value of more than 15 significant digits: both are documented. */
  tooManyDigits: Reporting;
  /** The v1 guide takes decimals and negatives, the v2 reference says "a positive integer". */
  acceptedValues: 'decimal' | 'positive_integer';
  /** An event name without a meter, or with an inactive one. */
  unknownMeter: Reporting;
  unknownCustomer: Reporting;
  /** A second request in flight for one customer and meter: both statuses are documented. */
  concurrentSameCustomer: '409' | '429' | 'allowed';
  /** How long a request executes, real milliseconds; 0 is one turn of the event loop. */
  processingMs: number;
  /**
   * From receipt to the first summary that shows the event. From a range each event draws its own,
   * so that later ones may show first; `paused` waits for a flush.
   */
  aggregationLagMs: Duration | 'paused';
  /** How old the state is that a stale summary read shows; 0 for no stale reads. */
  staleReplicaMs: Duration;
  /** Which summary reads are stale: every n-th, or a share of them drawn from the seed. */
  staleReads: StaleReads;
  /** Of events with one timestamp, which one a `last` meter takes. Not published. */
  lastTie: 'first' | 'last';
  /** `pending` adjustments take effect after the aggregation lag, `complete` ones at once. */
  adjustmentStatus: 'complete' | 'pending';
  /** Cancelling an identifier that was never accepted. Not published. */
  cancelUnknownIdentifier: 'reject' | 'accept';
  /** Cancelling what is cancelled already. Not published. */
  cancelTwice: 'reject' | 'accept';
  /** Which keys may read `GET /v1/account`; the others get a 403. */
  accountRead: 'every_key' | 'secret_keys' | 'none';
  /** How long an invoice of a cycle stays a draft. Documented: 1 h, at most 72 h. */
  invoiceGraceMs: number;
  /**
   * The UTC hour or day in which a period of a meter with `event_time_window` ends: with that period,
   * or whole with the next one. Observed by one user for days, not documented.
   */
  partialWindow: 'billed' | 'next_invoice';
  /** Usage of a trial: on no invoice, or on the one that ends the trial. Not published. */
  trialUsage: 'free' | 'billed';
  /** The most sample errors per code in an error report. Not published. */
  reportSampleLimit: number;
  /** How sample errors name the request; Stripe's samples and its SDK disagree. */
  reportRequest: 'identifier' | 'identifier_is_key' | 'id_and_key';
  /** The `related_object` of `no_meter_found`: Stripe's sample has `{}`, its reference none. */
  noMeterRelatedObject: 'empty' | 'absent';
  /** The clock of the `t` in signatures. A receiver compares it with its own time. */
  webhookTime: 'real' | 'virtual';
  /** Adds a signature of a scheme no receiver knows. */
  webhookExtraScheme: 'none' | 'v0';
  /** How long an endpoint may take to answer, real milliseconds. Not published. */
  webhookTimeoutMs: number;
  /** From an event to its first delivery. */
  webhookDelayMs: number;
  /** Each delivery is late by a random part of this, so that later events overtake earlier ones. */
  webhookShuffleMs: number;
  /** The chance that a delivery comes twice, under one event id. */
  webhookTwice: number;
  /** The chance that a delivery never comes, though Stripe takes it for answered. */
  webhookLost: number;
  /** The chance that one change makes two events, each with an id of its own. */
  webhookTwinEvents: number;
}

const DAY_MS = 24 * 60 * 60 * 1000;

export const DEFAULT_SWITCHES: Readonly<Switches> = {
  identifierWindowMs: DAY_MS,
  identifierScope: 'account',
  asyncRejectedIdentifier: 'taken',
  cancelledIdentifier: 'taken',
  keyTtlMs: DAY_MS,
  v2KeyTtlMs: 30 * DAY_MS,
  v2WithoutVersion: 'accept',
  longKeyErrorType: 'idempotency_error',
  timestampOutOfRange: 'sync',
  invalidValue: 'sync',
  tooManyDigits: 'sync',
  acceptedValues: 'decimal',
  unknownMeter: 'sync',
  unknownCustomer: 'sync',
  concurrentSameCustomer: '409',
  processingMs: 0,
  aggregationLagMs: 0,
  staleReplicaMs: 0,
  staleReads: { every: 2 },
  lastTie: 'last',
  adjustmentStatus: 'complete',
  cancelUnknownIdentifier: 'reject',
  cancelTwice: 'reject',
  accountRead: 'every_key',
  invoiceGraceMs: 60 * 60 * 1000,
  partialWindow: 'billed',
  trialUsage: 'free',
  reportSampleLimit: 5,
  reportRequest: 'identifier',
  noMeterRelatedObject: 'empty',
  webhookTime: 'real',
  webhookExtraScheme: 'none',
  webhookTimeoutMs: 10_000,
  webhookDelayMs: 0,
  webhookShuffleMs: 0,
  webhookTwice: 0,
  webhookLost: 0,
  webhookTwinEvents: 0,
};

/** The settings of each switch that is a choice. */
export const SWITCH_CHOICES = {
  identifierScope: ['account', 'meter', 'customer'],
  asyncRejectedIdentifier: ['taken', 'free'],
  cancelledIdentifier: ['taken', 'free'],
  longKeyErrorType: ['idempotency_error', 'invalid_request_error'],
  timestampOutOfRange: ['sync', 'async'],
  invalidValue: ['sync', 'async'],
  tooManyDigits: ['sync', 'async'],
  v2WithoutVersion: ['accept', 'reject'],
  lastTie: ['first', 'last'],
  accountRead: ['every_key', 'secret_keys', 'none'],
  acceptedValues: ['decimal', 'positive_integer'],
  unknownMeter: ['sync', 'async'],
  unknownCustomer: ['sync', 'async'],
  concurrentSameCustomer: ['409', '429', 'allowed'],
  adjustmentStatus: ['complete', 'pending'],
  cancelUnknownIdentifier: ['reject', 'accept'],
  cancelTwice: ['reject', 'accept'],
  partialWindow: ['billed', 'next_invoice'],
  trialUsage: ['free', 'billed'],
  reportRequest: ['identifier', 'identifier_is_key', 'id_and_key'],
  noMeterRelatedObject: ['empty', 'absent'],
  webhookTime: ['real', 'virtual'],
  webhookExtraScheme: ['none', 'v0'],
} as const satisfies { readonly [Name in keyof Switches]?: readonly Switches[Name][] };
