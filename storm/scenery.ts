import type { FaultScript, Switches } from '@countonce/stripe-simulator';
import type { Aggregation } from '../src/domain/meter.js';
import type { SeededRandom } from '../test/races/seeded-random.js';

export interface MeterScenery {
  readonly key: string;
  readonly aggregation: Aggregation;
  /** Of the Stripe meter that it is mapped to. */
  readonly formula: 'sum' | 'last';
}

/** What a seed makes of a history before its first step. */
export interface Scenery {
  readonly startMs: number;
  readonly steps: number;
  readonly workers: number;
  readonly customers: number;
  readonly meters: readonly MeterScenery[];
  readonly interval: 'day' | 'week' | 'month';
  readonly anchorMs: number;
  readonly env: Readonly<Record<string, string>>;
  readonly switches: Partial<Switches>;
  readonly faultsPerStep: number;
  /** Which faults, where not all. */
  readonly faults?: readonly FaultScript['fault'][];
  /** Of turns, in how many a process dies, or stands still before a call. */
  readonly killChance: number;
  readonly stallChance: number;
  /** How often steps happen, where not as usual. */
  readonly weights: Readonly<Record<string, number>>;
  /** Whether mappings, modes, keys and Stripe's meters change on the way. */
  readonly hasChanges: boolean;
  /** Whether somebody else writes to the same Stripe meters. */
  readonly hasForeignWriter: boolean;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Monday, 2026-11-02. */
const FIRST_MS = Date.UTC(2026, 10, 2);

const FORMULAS: Readonly<Record<Aggregation, readonly ('sum' | 'last')[]>> = {
  sum: ['sum', 'sum', 'last'],
  count: ['sum', 'last'],
  max: ['sum', 'last'],
  last: ['last'],
  unique_count: ['sum', 'last'],
};

export function drawScenery(random: SeededRandom): Scenery {
  const startMs = FIRST_MS + random.whole(0, 40 * DAY_MS);
  const aggregations = random.shuffle<Aggregation>(['sum', 'count', 'max', 'last', 'unique_count']);
  const chosen = random.fraction() < 0.5 ? (['sum'] as const) : aggregations.slice(0, 2);
  return {
    startMs,
    steps: random.whole(20, 60),
    workers: random.pick([1, 2, 2, 3]),
    customers: random.pick([1, 1, 2]),
    meters: chosen.map((aggregation, index) => ({
      key: `meter_${index}`,
      aggregation,
      formula: random.pick(FORMULAS[aggregation]),
    })),
    interval: random.pick(['day', 'day', 'week', 'month']),
    // Not all begin on a whole minute, as subscriptions do not.
    anchorMs: random.pick([FIRST_MS, FIRST_MS + 14 * HOUR_MS + 23 * 60_000 + 7_000]),
    env: {
      PUSH_INTERVAL_SECONDS: random.pick(['0', '600', '3600']),
      CLOSE_GRACE_SECONDS: random.pick(['60', '1800']),
    },
    switches: drawSwitches(random),
    faultsPerStep: random.pick([0, 0.3, 0.8]),
    killChance: 0.2,
    stallChance: 0.05,
    weights: {},
    hasChanges: random.fraction() < 0.5,
    hasForeignWriter: random.fraction() < 0.15,
  };
}

/** Where Stripe is silent or contradicts itself, each history has another Stripe. */
function drawSwitches(random: SeededRandom): Partial<Switches> {
  return {
    keyTtlMs: random.pick([DAY_MS, 30 * DAY_MS]),
    identifierWindowMs: random.pick([DAY_MS, 30 * DAY_MS, 'forever']),
    identifierScope: random.pick(['account', 'meter']),
    concurrentSameCustomer: random.pick(['409', '429', 'allowed']),
    timestampOutOfRange: random.pick(['sync', 'async']),
    unknownMeter: random.pick(['sync', 'async']),
    asyncRejectedIdentifier: random.pick(['taken', 'free']),
    aggregationLagMs: random.pick([0, 5_000, 90_000, 600_000]),
    staleReplicaMs: random.pick([0, 0, 60_000]),
    webhookTime: 'virtual',
    webhookLost: random.pick([0, 0.3]),
    webhookTwice: random.pick([0, 0.3]),
    webhookTwinEvents: random.pick([0, 0.3]),
    webhookShuffleMs: random.pick([0, 60_000]),
    reportRequest: random.pick(['identifier', 'identifier_is_key', 'id_and_key']),
    noMeterRelatedObject: random.pick(['empty', 'absent']),
  };
}
