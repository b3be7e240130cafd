import type { RateLimitedReason } from './errors.js';

/** Every fault that can be scripted, and the stage of a request at which it happens. */
export const STAGES = {
  /** The connection closes before anything is done. */
  resetBefore: 'arrival',
  /** Nothing is done, nothing is stored; a page of HTML comes from something in front of Stripe. */
  htmlBodyBefore: 'arrival',
  /** From this request on every connection closes before anything is done, for `ms`. */
  outage: 'arrival',
  /** Nothing is done, nothing is stored. */
  '503': 'arrival',
  /** A rate limit refusal, whatever the buckets hold. */
  '429Burst': 'arrival',
  /** A 429 that is no rate limit: an object is locked. Nothing is done, nothing is stored. */
  lockTimeout: 'arrival',
  /** A conflict with a request in flight that may not exist. Nothing is done, nothing is stored. */
  '409InFlight': 'arrival',
  /** Stripe accepts, but shows nothing new in summaries for `ms`; then all. */
  aggregationStall: 'aggregation',
  /** The request neither finds nor leaves its idempotency key. */
  prunedKey: 'key',
  /** Nothing is done; the 500 is stored under the key. */
  '500BeforeCommit': 'execution',
  /** All is done; the 500 is stored under the key. */
  '500AfterCommit': 'execution',
  /** The client hears nothing; all is done `afterMs` later. */
  lateCommit: 'execution',
  /** Executes by a clock that is off by `seconds`. */
  clockSkew: 'clock',
  /** A 200, and the event never counts. */
  asyncReject: 'judgement',
  /** All is done at once, the answer comes after `ms` of real time. */
  slow: 'hold',
  /** All is done; the connection closes without a byte. */
  lostResponse: 'answer',
  /** All is done; half of the body comes under its full length, then the connection closes. */
  truncatedBody: 'answer',
  /** All is done; a page of HTML comes from something in front of Stripe. */
  htmlBody: 'answer',
  /** Forces the header that tells the SDK whether to retry. */
  shouldRetry: 'header',
} as const;

export type FaultName = keyof typeof STAGES;
export type FaultStage = (typeof STAGES)[FaultName];

/** The faults with settings; those without a required one may also be given by name alone. */
interface FaultSettings {
  outage: { ms: number; time?: 'virtual' | 'real' };
  '429Burst': { reason?: RateLimitedReason };
  '409InFlight': { code?: 'too_many_concurrent_requests' | 'idempotency_key_in_use' };
  /** Virtual milliseconds from the request on. */
  aggregationStall: { ms: number };
  prunedKey: { identifier?: 'remembered' | 'forgotten' };
  lateCommit: {
    /** Virtual milliseconds from the request to its commit. */
    afterMs: number;
    answer: 'hang' | 'reset';
    /**
     * `held`: the request executes for so long, and a resend meets a key in use. `free`: it waits in
     * front of the idempotency keys, and a resend overtakes it.
     */
    key?: 'held' | 'free';
  };
  clockSkew: { seconds: number };
  asyncReject: {
    code?: string;
    /** No error report tells of it. */
    silent?: boolean;
    /** Virtual milliseconds from receipt until Stripe finds the error; else the aggregation lag. */
    lagMs?: number;
  };
  slow: { ms: number };
  /** 502 when absent. */
  htmlBody: { status?: number };
  htmlBodyBefore: { status?: number };
  shouldRetry: { value: boolean };
}

type SettingsOf<Name extends FaultName> = Name extends keyof FaultSettings
  ? FaultSettings[Name]
  : object;

export type FaultOf<Name extends FaultName> = { kind: Name } & SettingsOf<Name>;
export type Fault = { [Name in FaultName]: FaultOf<Name> }[FaultName];

/** The faults that need no settings. */
export type PlainFaultName = {
  [Name in FaultName]: object extends SettingsOf<Name> ? Name : never;
}[FaultName];

/** Settings that must be numbers of 0 or more. */
const AMOUNTS: Partial<Record<FaultName, string>> = {
  outage: 'ms',
  aggregationStall: 'ms',
  lateCommit: 'afterMs',
  slow: 'ms',
};

const CHOICES: Partial<Record<FaultName, Readonly<Record<string, readonly unknown[]>>>> = {
  outage: { time: [undefined, 'virtual', 'real'] },
  '409InFlight': { code: [undefined, 'too_many_concurrent_requests', 'idempotency_key_in_use'] },
  prunedKey: { identifier: [undefined, 'remembered', 'forgotten'] },
  lateCommit: { answer: ['hang', 'reset'], key: [undefined, 'held', 'free'] },
  asyncReject: { silent: [undefined, true, false] },
  shouldRetry: { value: [true, false] },
};

/** Completes a name to a fault; throws a RangeError for one nobody knows or that lacks a setting. */
export function toFault(given: Fault | PlainFaultName): Fault {
  const fault: Fault = typeof given === 'string' ? { kind: given } : given;
  const { kind } = fault;
  if (!Object.hasOwn(STAGES, kind)) throw new RangeError(`Unknown fault: ${kind}`);
  const settings = fault as unknown as Readonly<Record<string, unknown>>;
  const amount = AMOUNTS[kind];
  if (amount !== undefined && !isAmount(settings[amount])) {
    throw new RangeError(`${kind} needs ${amount}, 0 or more`);
  }
  for (const [name, choices] of Object.entries(CHOICES[kind] ?? {})) {
    if (choices.includes(settings[name])) continue;
    const known = choices
      .filter((choice) => choice !== undefined)
      .map(String)
      .join(', ');
    throw new RangeError(`${name} of ${kind} must be one of ${known}`);
  }
  if (fault.kind === 'clockSkew' && !Number.isFinite(fault.seconds)) {
    throw new RangeError('clockSkew needs seconds');
  }
  return fault;
}

function isAmount(value: unknown): boolean {
  return typeof value === 'number' && value >= 0;
}
