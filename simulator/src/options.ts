import type { RateLimits } from './rate-limit.js';
import type { Duration } from './seeded-random.js';
import type { StaleReads } from './summary-replica.js';
import { DEFAULT_SWITCHES, SWITCH_CHOICES, type Switches } from './switches.js';

export interface SimulatorOptions {
  /** Port of the simulated Stripe API; 0 or absent takes any free port. */
  port?: number;
  /** Port of the oracle (`/_sim/…`), always another one than `port`; 0 or absent takes any. */
  oraclePort?: number;
  host?: string;
  /** Where the virtual clock starts, unix milliseconds. Absent: the real time. */
  now?: number;
  /** Holds the virtual clock still between moves; otherwise it runs at the pace of the real one. */
  freeze?: boolean;
  switches?: Partial<Switches>;
  /** Allows a Stripe that forgets sooner than it promises, for tests in real time. */
  belowStripeMinimum?: boolean;
  /** Sends webhooks by itself while the clock runs; otherwise only when told to. */
  autoDeliver?: boolean;
  /** Requests per second by class; `Infinity` lifts one limit, `false` lifts all of them. */
  rateLimits?: Partial<RateLimits> | false;
  /** Takes any `cus_…` id for an existing customer, so that nothing has to be created first. */
  autoCustomers?: boolean;
  /** Which account a secret key belongs to. A key not listed gets an account of its own. */
  accounts?: Readonly<Record<string, string>>;
  /** Accounts that the platform of a key may work on with the header `Stripe-Account`. */
  connectedAccounts?: Readonly<Record<string, readonly string[]>>;
  /** The same seed gives the same ids, lags, stale reads and draws of faults. Absent: random ids. */
  seed?: number;
}

/** Source: https://docs.stripe.com/billing/subscriptions/usage-based/configure-grace-period */
const GRACE_MAX_MS = 72 * 60 * 60 * 1000;

const STRIPE_MINIMUM_MEMORY_MS = 24 * 60 * 60 * 1000;
const V2_KEY_MEMORY_MS = 30 * STRIPE_MINIMUM_MEMORY_MS;

/**
 * Completes switches. Throws a RangeError for a switch or a setting that does not exist, and for one
 * that Stripe's documentation rules out.
 */
export function resolveSwitches(
  changes: Partial<Switches>,
  base = DEFAULT_SWITCHES,
  belowStripeMinimum = false,
): Switches {
  const switches: Switches = { ...base, ...changes };
  for (const name of Object.keys(changes)) {
    if (!Object.hasOwn(DEFAULT_SWITCHES, name)) throw new RangeError(`Unknown switch: ${name}`);
  }
  for (const [name, choices] of Object.entries(SWITCH_CHOICES)) {
    const chosen: unknown = switches[name as keyof typeof SWITCH_CHOICES];
    if ((choices as readonly unknown[]).includes(chosen)) continue;
    throw new RangeError(`${name} must be one of ${choices.join(', ')}, not ${String(chosen)}`);
  }
  const { identifierWindowMs, aggregationLagMs } = switches;
  const memoryMs = belowStripeMinimum ? 0 : STRIPE_MINIMUM_MEMORY_MS;
  atLeast('keyTtlMs', switches.keyTtlMs, memoryMs);
  if (identifierWindowMs !== 'forever') {
    atLeast('identifierWindowMs', identifierWindowMs, memoryMs);
  }
  atLeast('v2KeyTtlMs', switches.v2KeyTtlMs, V2_KEY_MEMORY_MS);
  if (aggregationLagMs !== 'paused') checkDuration('aggregationLagMs', aggregationLagMs);
  atLeast('processingMs', switches.processingMs, 0);
  checkBillingSwitches(switches);
  checkDuration('staleReplicaMs', switches.staleReplicaMs);
  checkStaleReads(switches.staleReads);
  return switches;
}

function checkDuration(name: string, duration: Duration): void {
  if (typeof duration !== 'object' || duration === null) {
    atLeast(name, duration, 0);
    return;
  }
  atLeast(`${name}.minMs`, duration.minMs, 0);
  atLeast(`${name}.maxMs`, duration.maxMs, duration.minMs);
}

function checkStaleReads(reads: StaleReads): void {
  const { every, share } = reads as { every?: unknown; share?: unknown };
  if (share === undefined ? Number.isInteger(every) && Number(every) >= 1 : isShare(share)) return;
  throw new RangeError('staleReads must be {"every": n} with n 1 or more, or {"share": 0 to 1}');
}

function isShare(value: unknown): boolean {
  return typeof value === 'number' && value >= 0 && value <= 1;
}

function checkBillingSwitches(switches: Switches): void {
  atLeast('invoiceGraceMs', switches.invoiceGraceMs, 0);
  if (switches.invoiceGraceMs > GRACE_MAX_MS) {
    throw new RangeError(`invoiceGraceMs must be at most ${GRACE_MAX_MS}`);
  }
  for (const name of ['webhookTwice', 'webhookLost', 'webhookTwinEvents'] as const) {
    atLeast(name, switches[name], 0);
    if (switches[name] > 1) throw new RangeError(`${name} must be a chance, at most 1`);
  }
  atLeast('webhookDelayMs', switches.webhookDelayMs, 0);
  atLeast('webhookShuffleMs', switches.webhookShuffleMs, 0);
  atLeast('webhookTimeoutMs', switches.webhookTimeoutMs, 1);
  atLeast('reportSampleLimit', switches.reportSampleLimit, 0);
}

function atLeast(name: string, value: unknown, minimum: number): void {
  if (typeof value === 'number' && value >= minimum) return;
  throw new RangeError(`${name} must be ${minimum} or more, not ${String(value)}`);
}
