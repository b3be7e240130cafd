import { expect, it } from 'vitest';
import type { ClaimedPush } from '../../src/push/push-claim.store.js';
import type { Claim } from '../../src/push/push-claimer.js';
import { PushPipeline } from '../../src/push/push-pipeline.js';

function push(identifier: string): ClaimedPush {
  return { identifier } as ClaimedPush;
}

function claimOf(identifier: string): Claim {
  const lease = { startsAtMs: 0, endsAtMs: 0, calls: 1 };
  return { pushes: [push(identifier)], lease, isAll: false };
}

it('claims again what a call has freed that ended during a claim which did not see it', async () => {
  const sent: string[] = [];
  let end = (): void => undefined;
  const called = new Promise<void>((resolve) => (end = resolve));
  const claims: (() => Promise<Claim | undefined>)[] = [
    async () => claimOf('first'),
    async () => {
      // Looks while the call is under way, and answers when it has ended.
      end();
      await new Promise((resolve) => setImmediate(resolve));
      return undefined;
    },
    async () => claimOf('second of the same customer'),
  ];
  const pipeline = new PushPipeline({
    callsPerSecond: 100,
    batchSize: 100,
    claim: async () => claims.shift()?.(),
    turn: async () => undefined,
    send: async ({ identifier }) => {
      if (identifier === 'first') await called;
      sent.push(identifier);
    },
    giveBack: async () => undefined,
    isOpen: () => true,
  });
  expect(await pipeline.run()).toBe(2);
  expect(sent).toEqual(['first', 'second of the same customer']);
});
