import type { RateLimits } from './rate-limit.js';
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
  /** Requests per second by class; `Infinity` lifts one limit, `false` lifts all of them. */
  rateLimits?: Partial<RateLimits> | false;
  /** Takes any `cus_…` id for an existing customer, so that nothing has to be created first. */
  autoCustomers?: boolean;
  /** Which account a secret key belongs to. A key not listed gets an account of its own. */
  accounts?: Readonly<Record<string, string>>;
}

const STRIPE_MINIMUM_MEMORY_MS = 24 * 60 * 60 * 1000;

/**
 * Completes switches. Throws a RangeError for a switch or a setting that does not exist, and for one
 * that Stripe's documentation rules out.
 */
export function resolveSwitches(changes: Partial<Switches>, base = DEFAULT_SWITCHES): Switches {
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
  atLeast('keyTtlMs', switches.keyTtlMs, STRIPE_MINIMUM_MEMORY_MS);
  if (identifierWindowMs !== 'forever') {
    atLeast('identifierWindowMs', identifierWindowMs, STRIPE_MINIMUM_MEMORY_MS);
  }
  if (aggregationLagMs !== 'paused') atLeast('aggregationLagMs', aggregationLagMs, 0);
  atLeast('processingMs', switches.processingMs, 0);
  atLeast('staleReplicaMs', switches.staleReplicaMs, 0);
  return switches;
}

function atLeast(name: string, value: unknown, minimum: number): void {
  if (typeof value === 'number' && value >= minimum) return;
  throw new RangeError(`${name} must be ${minimum} or more, not ${String(value)}`);
}
