import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Fault, PlainFaultName, Simulator } from '../src/index.js';
import { openSandbox, post } from './support/sandbox.js';

type AnyFault = Fault | PlainFaultName;

/** Those after which the same request, sent again, ends well under either API. */
const PASSING: readonly AnyFault[] = [
  'resetBefore',
  'lostResponse',
  '503',
  '429Burst',
  'lockTimeout',
  '409InFlight',
  'truncatedBody',
  'htmlBody',
  'htmlBodyBefore',
  'prunedKey',
  { kind: 'lateCommit', afterMs: 15_000, answer: 'reset', key: 'held' },
  { kind: 'lateCommit', afterMs: 15_000, answer: 'reset', key: 'free' },
  { kind: 'outage', ms: 15_000 },
  { kind: 'aggregationStall', ms: 15_000 },
  { kind: 'clockSkew', seconds: -60 },
  { kind: 'shouldRetry', value: true },
];

/** v1 replays a 500 for ever; v2 tries again. */
const PASSING_V2: readonly AnyFault[] = [...PASSING, '500BeforeCommit', '500AfterCommit'];

const RESENDS_MAX = 60;
const BETWEEN_SECONDS = 10;

/** Sends one request until it is answered for good; true when Stripe said that it has the event. */
async function deliver(simulator: Simulator, path: string, body: string): Promise<boolean> {
  const type = path.startsWith('/v2/') ? 'application/json' : 'application/x-www-form-urlencoded';
  for (let sent = 0; sent < RESENDS_MAX; sent += 1) {
    try {
      const headers = { 'Idempotency-Key': 'key', 'Content-Type': type };
      const response = await post(simulator, path, body, headers);
      const text = await response.text();
      if (response.status === 200 && text.startsWith('{')) return true;
      if (response.status === 400) return /already exists|duplicate_meter_event/.test(text);
    } catch {
      // No answer: the same again.
    }
    simulator.advanceClock(BETWEEN_SECONDS);
  }
  return false;
}

async function expectOneCount(api: 'v1' | 'v2', faults: readonly AnyFault[]): Promise<void> {
  const { simulator, customer, counted } = await openSandbox();
  const path = `/${api}/billing/meter_events`;
  for (const fault of faults) simulator.addFault({ match: { path }, fault });
  const form = `event_name=requests&identifier=a&payload[stripe_customer_id]=${customer}`;
  const payload = { stripe_customer_id: customer, value: '5' };
  const json = JSON.stringify({ event_name: 'requests', identifier: 'a', payload });
  const body = api === 'v1' ? `${form}&payload[value]=5` : json;
  expect(await deliver(simulator, path, body)).toBe(true);
  simulator.advanceClock(3600);
  expect(await counted()).toBe(5);
  expect(simulator.ledger()).toHaveLength(1);
  const keys = simulator.attempts().keys.filter(({ idempotency_key: key }) => key === 'key');
  expect(keys).toMatchObject([{ distinct_bodies: 1 }]);
  await simulator.stop();
}

describe('a client that sends the same again until it is answered', () => {
  it.each([
    ['v1', PASSING],
    ['v2', PASSING_V2],
  ] as const)('has counted once, whatever mix of faults it met under %s', async (api, faults) => {
    const mix = fc.array(fc.constantFrom(...faults), { maxLength: 8 });
    const law = fc.asyncProperty(mix, (met) => expectOneCount(api, met));
    await fc.assert(law, { numRuns: 40 });
  });
});
