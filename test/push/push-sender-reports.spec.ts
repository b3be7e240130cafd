import { Logger } from '@nestjs/common';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { SendOutcome } from '../../src/stripe/push-target.js';
import { due, only } from './due-push.js';
import { pushProcess, type PushProcess } from './push-process.js';
import type { PushScene } from './push-scene.js';

afterEach(() => {
  vi.restoreAllMocks();
});

function answering(scene: PushScene, outcome: SendOutcome, calls: string[] = []): PushProcess {
  return pushProcess(scene.db, scene.config, {
    send: async (_account, push) => {
      calls.push(push.identifier);
      return outcome;
    },
  });
}

function heard(level: 'error' | 'warn'): string[] {
  const told: string[] = [];
  vi.spyOn(Logger.prototype, level).mockImplementation((message: unknown) => {
    told.push(String(message));
  });
  return told;
}

describe('what became of a push is told in the log', () => {
  it.each<[string, SendOutcome, RegExp | undefined]>([
    ['a delivery', { kind: 'delivered' }, undefined],
    ['no answer', { kind: 'unknown', why: 'timeout' }, undefined],
    ['a 429', { kind: 'try_later', why: '429', tooFast: false }, undefined],
    [
      'a refused key',
      { kind: 'account_refused', message: 'Invalid API Key' },
      /^Stripe refuses the key of acct_\w+, pushes stop: Invalid API Key$/,
    ],
    [
      'an identifier that was taken',
      { kind: 'identifier_taken', message: 'taken' },
      /^push \S+: its identifier was taken before its first call$/,
    ],
    [
      'a key used with another body',
      { kind: 'idempotency_mismatch', message: 'mismatch' },
      /^push \S+: its key was used before with another body$/,
    ],
    [
      'a refusal',
      { kind: 'refused', code: 'resource_missing', message: 'No such customer' },
      /^push \S+ is refused: resource_missing No such customer$/,
    ],
  ])('%s', async (_, outcome, message) => {
    await using scene = await due();
    const errors = heard('error');
    await answering(scene, outcome).sender.send(scene.tenantId);
    if (message === undefined) expect(errors).toEqual([]);
    else expect(errors).toEqual([expect.stringMatching(message)]);
  });

  it('but not an identifier that its own lost call had taken', async () => {
    await using scene = await due();
    await answering(scene, { kind: 'unknown', why: 'timeout' }).sender.send(scene.tenantId);
    await scene.forgetBackOff();
    const errors = heard('error');
    const taken = answering(scene, { kind: 'identifier_taken', message: 'taken' });
    await taken.sender.send(scene.tenantId);
    expect(await only(scene)).toMatchObject({ status: 'delivered' });
    expect(errors).toEqual([]);
  });

  it('nor what came of one that another process has by now', async () => {
    await using scene = await due();
    const [errors, warnings] = [heard('error'), heard('warn')];
    const { sender } = pushProcess(scene.db, scene.config, {
      send: async () => {
        await scene.expireLeases();
        await answering(scene, { kind: 'delivered' }).sender.send(scene.tenantId);
        return { kind: 'refused', code: 'late', message: 'late' };
      },
    });
    await sender.send(scene.tenantId);
    expect(errors).toEqual([]);
    expect(warnings).toEqual([
      expect.stringMatching(/^push \S+: the lease ran out before its answer$/),
    ]);
    expect(await only(scene)).toMatchObject({ status: 'delivered' });
  });
});

describe('a refused key', () => {
  it('is left alone for a minute, and no longer', async () => {
    await using scene = await due();
    heard('error');
    const calls: string[] = [];
    const refusing = answering(scene, { kind: 'account_refused', message: 'no' }, calls);
    await refusing.sender.send(scene.tenantId);
    await scene.forgetBackOff();
    expect(await refusing.sender.send(scene.tenantId)).toBe(0);

    const refusedAt = Date.now();
    const clock = vi.spyOn(Date, 'now');
    clock.mockImplementation(() => refusedAt + 55_000);
    expect(await refusing.sender.send(scene.tenantId)).toBe(0);
    clock.mockImplementation(() => refusedAt + 61_000);
    expect(await refusing.sender.send(scene.tenantId)).toBe(1);
    expect(calls).toHaveLength(2);
  });
});

describe('a sender that is stopped', () => {
  it('sends nothing more', async () => {
    await using scene = await due();
    const calls: string[] = [];
    const { sender } = answering(scene, { kind: 'delivered' }, calls);
    sender.stop();
    expect(await sender.send(scene.tenantId)).toBe(0);
    expect(calls).toEqual([]);
    expect(await only(scene)).toMatchObject({ status: 'pending', attempts: 0 });
  });
});
