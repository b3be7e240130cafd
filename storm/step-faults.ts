import type { FaultScript } from '@countonce/stripe-simulator';
import type { StormWorld } from './storm-world.js';

const EVENTS = '/v1/billing/meter_events';
const READS = { method: 'GET', path: '/v1/billing/meters*' };
/** Longer than a client of the storm waits for an answer. */
const TOO_SLOW_MS = 400;

const FAULTS: readonly FaultScript['fault'][] = [
  'lostResponse',
  'lostResponse',
  'resetBefore',
  '503',
  '429Burst',
  '500BeforeCommit',
  '500AfterCommit',
  { kind: 'slow', ms: TOO_SLOW_MS },
  'truncatedBody',
  'htmlBody',
  'htmlBodyBefore',
  'lockTimeout',
  '409InFlight',
  { kind: '409InFlight', code: 'idempotency_key_in_use' },
  { kind: 'prunedKey', identifier: 'remembered' },
  { kind: 'lateCommit', afterMs: 90_000, answer: 'reset', key: 'held' },
  { kind: 'lateCommit', afterMs: 90_000, answer: 'reset', key: 'free' },
  { kind: 'lateCommit', afterMs: 20_000, answer: 'hang', key: 'free' },
  { kind: 'aggregationStall', ms: 600_000 },
  { kind: 'clockSkew', seconds: 200 },
  { kind: 'clockSkew', seconds: -200 },
  { kind: 'shouldRetry', value: true },
  { kind: 'outage', ms: 20_000 },
  'asyncReject',
  { kind: 'asyncReject', silent: true },
];

/** What goes wrong with reads. */
const READ_FAULTS: readonly FaultScript['fault'][] = ['resetBefore', '503', '429Burst', 'htmlBody'];

/** Now and then, something goes wrong with one of the next calls, or with several. */
export function armFaults(world: StormWorld): void {
  const { random, scenery, simulator } = world;
  if (random.fraction() >= scenery.faultsPerStep) return;
  const isRead = random.fraction() < 0.15;
  const fault = random.pick(isRead ? READ_FAULTS : (scenery.faults ?? FAULTS));
  const count = random.pick([1, 1, 1, 2, 6]);
  const script: FaultScript = {
    match: isRead ? READS : { method: 'POST', path: EVENTS },
    skip: random.pick([0, 0, 1, 3]),
    count,
    fault,
  };
  simulator.addFault(script);
  const name = typeof fault === 'string' ? fault : fault.kind;
  world.trace.add(`  fault: ${name} x ${count}, after ${script.skip}`);
}

/** How often each fault really fell. */
export function countFaults(world: StormWorld): void {
  for (const { fault, hits } of world.simulator.faults()) {
    world.figures.add(`faults: ${fault.kind}`, hits);
  }
}
