import { startSimulator, type Simulator, type Switches } from '@countonce/stripe-simulator';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { survey, type Survey, type SurveyOptions } from '../../src/stripe/survey/survey.js';

const KEY = 'sk_test_survey';

/** A switch for each choice that a survey of a few seconds can tell, with all its settings. */
const MEASURABLE = {
  identifierScope: ['account', 'meter', 'customer'],
  asyncRejectedIdentifier: ['taken', 'free'],
  cancelledIdentifier: ['taken', 'free'],
  longKeyErrorType: ['idempotency_error', 'invalid_request_error'],
  timestampOutOfRange: ['sync', 'async'],
  invalidValue: ['sync', 'async'],
  tooManyDigits: ['sync', 'async'],
  acceptedValues: ['decimal', 'positive_integer'],
  unknownMeter: ['sync', 'async'],
  unknownCustomer: ['sync', 'async'],
  concurrentSameCustomer: ['409', '429', 'allowed'],
  lastTie: ['first', 'last'],
  adjustmentStatus: ['complete', 'pending'],
  cancelUnknownIdentifier: ['reject', 'accept'],
  cancelTwice: ['reject', 'accept'],
  v2WithoutVersion: ['accept', 'reject'],
} as const satisfies { [Name in keyof Switches]?: readonly Switches[Name][] };

const settings: fc.Arbitrary<Partial<Switches>> = fc
  .tuple(
    ...Object.entries(MEASURABLE).map(([name, all]) =>
      fc.constantFrom<string>(...all).map((setting) => [name, setting] as const),
    ),
  )
  .map((chosen) => Object.fromEntries(chosen));

async function simulated(
  switches: Partial<Switches>,
  options: Partial<SurveyOptions> = {},
): Promise<Survey & { simulator: Simulator }> {
  const simulator = await startSimulator({ rateLimits: false, switches });
  try {
    const found = await survey({
      secretKey: KEY,
      apiBase: simulator.url,
      callsPerSecond: Infinity,
      waitMs: 5_000,
      pollMs: 5,
      quietMs: 20,
      ...options,
    });
    return { ...found, simulator };
  } finally {
    await simulator.stop();
  }
}

function switchesOf({ findings }: Survey): Partial<Switches> {
  return Object.assign({}, ...findings.map(({ switches }) => switches)) as Partial<Switches>;
}

function finding({ findings }: Survey, name: string) {
  return findings.find((candidate) => candidate.name === name)!;
}

describe('a survey of Stripe', () => {
  it('finds exactly the switches that the simulator was started with', async () => {
    await fc.assert(
      fc.asyncProperty(settings, fc.constantFrom(0, 60), async (switches, lagMs) => {
        // So that requests that are sent at once surely meet.
        const processingMs = switches.concurrentSameCustomer === 'allowed' ? 0 : 10;
        const started = { ...switches, aggregationLagMs: lagMs, processingMs };
        const { aggregationLagMs, ...found } = switchesOf(await simulated(started));
        expect(found).toEqual(switches);
        const { minMs, maxMs } = aggregationLagMs as { minMs: number; maxMs: number };
        expect([minMs <= lagMs, maxMs >= lagMs]).toEqual([true, true]);
      }),
      { numRuns: 8 },
    );
  }, 240_000);

  it('tells no switch of usage that summaries do not show', async () => {
    const found = await simulated({ aggregationLagMs: 'paused' }, { waitMs: 50 });
    const switches = switchesOf(found);
    for (const name of ['aggregationLagMs', 'acceptedValues', 'lastTie'] as const) {
      expect(switches).not.toHaveProperty(name);
    }
    expect(finding(found, 'summary_lag')).toMatchObject({ measured: false });
    expect(switches).toMatchObject({ identifierScope: 'account', unknownCustomer: 'sync' });
  });

  it('shows answers as they came', async () => {
    const found = await simulated({});
    expect(finding(found, 'duplicate_identifier').evidence).toEqual([
      {
        asked: 'fresh key',
        request: 'POST /v1/billing/meter_events',
        status: 400,
        type: 'invalid_request_error',
        message: expect.stringMatching(/^An event already exists with identifier/),
        headers: { 'stripe-should-retry': 'false' },
      },
    ]);
    expect(finding(found, 'idempotency_replay').result).toContain('with Idempotent-Replayed');
    expect(finding(found, 'summary_end').result).toBe('no: half-open');
    expect(finding(found, 'decimal_places').result).toBe('18 of up to 18 tried');
    expect(finding(found, 'identifier_after_refusal').result).toBe('free');
    expect(found.findings.filter(({ measured }) => !measured)).toEqual([]);
  });

  it('reads through replicas that are behind', async () => {
    const found = await simulated({
      staleReplicaMs: 10_000,
      staleReads: { every: 2 },
      acceptedValues: 'positive_integer',
      lastTie: 'first',
    });
    expect(switchesOf(found)).toMatchObject({
      acceptedValues: 'positive_integer',
      lastTie: 'first',
      timestampOutOfRange: 'sync',
    });
    expect(finding(found, 'summary_steps_back').result).not.toContain('0 of');
  });

  it('leaves nothing behind', async () => {
    const simulator = await startSimulator({ rateLimits: false });
    try {
      const ending = new AbortController();
      const onStep = (name: string): void => {
        if (name === 'concurrent events') ending.abort(new Error('interrupted'));
      };
      const options = { secretKey: KEY, apiBase: simulator.url, callsPerSecond: Infinity };
      const { signal } = ending;
      const run = survey({ ...options, waitMs: 1_000, quietMs: 0, signal, onStep });
      await expect(run).rejects.toThrow('interrupted');
      const list = async (path: string): Promise<any[]> => {
        const headers = { authorization: `Bearer ${KEY}` };
        const response = await fetch(`${simulator.url}${path}`, { headers });
        return ((await response.json()) as { data: any[] }).data;
      };
      const meters = await list('/v1/billing/meters');
      expect(meters.map(({ status }) => status)).toEqual(['inactive', 'inactive', 'inactive']);
      for (const { event_name: name } of meters) expect(name).toMatch(/^countonce_doctor_/);
      const events = await list('/v1/events?type=customer.deleted');
      expect(events).toHaveLength(2);
    } finally {
      await simulator.stop();
    }
  });

  it('goes slower where Stripe says that it is too fast', async () => {
    const simulator = await startSimulator();
    try {
      const { findings } = await survey({
        secretKey: KEY,
        apiBase: simulator.url,
        callsPerSecond: 200,
        waitMs: 5_000,
        pollMs: 50,
        quietMs: 0,
      });
      const evidence = findings.flatMap((one) => one.evidence);
      expect(evidence.filter(({ status }) => status === 429)).toEqual([]);
    } finally {
      await simulator.stop();
    }
  }, 120_000);
});
