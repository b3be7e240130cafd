import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BackgroundWork } from '../../src/clock/background-work.js';
import type { Turn } from '../../src/clock/loop.js';
import type { Config } from '../../src/config/config.js';
import { tenantInScope } from '../../src/database/tenant-scope.js';

const IDLE_MS = 1_000;
const [GOOD, BAD, LAST] = [randomUUID(), randomUUID(), randomUUID()];

/** Works for three tenants; the work of one fails while it is told to. */
class Rounds extends BackgroundWork {
  readonly done: string[] = [];
  readonly scopes: (string | undefined)[] = [];
  readonly errors: unknown[] = [];
  isBroken = true;
  others = 0;

  constructor(role: Config['ROLE'] = 'all') {
    super({ ROLE: role }, 'rounds', IDLE_MS);
  }

  override round(isStopping = () => false): Promise<Turn> {
    return this.forTenants([GOOD, BAD, LAST], isStopping, async (tenantId) => {
      this.scopes.push(tenantInScope());
      if (tenantId === BAD && this.isBroken) throw new Error('broken');
      this.done.push(tenantId);
    });
  }

  async otherPart(): Promise<void> {
    await this.forTenants(
      [BAD],
      () => false,
      async () => this.others++,
      'other',
    );
  }

  protected override tell(tenantId: string, error: unknown): void {
    this.errors.push([tenantId, (error as Error).message]);
  }
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('the work of a tenant that fails', () => {
  it('keeps no other waiting, and is told', async () => {
    const rounds = new Rounds();
    expect(await rounds.round()).toBe('idle');
    expect(rounds.done).toEqual([GOOD, LAST]);
    expect(rounds.scopes).toEqual([GOOD, BAD, LAST]);
    expect(rounds.errors).toEqual([[BAD, 'broken']]);
  });

  it('keeps another part of its work going, whose success does not end its pause', async () => {
    const rounds = new Rounds();
    for (let turn = 0; turn < 30; turn++) {
      await rounds.round();
      await rounds.otherPart();
      vi.advanceTimersByTime(1_000);
    }
    // After 0, 2, 6 and 14 seconds.
    expect(rounds.errors).toHaveLength(4);
    expect(rounds.others).toBe(30);
  });

  it('is left alone twice as long each time, a minute at the most, until it succeeds', async () => {
    const rounds = new Rounds();
    const pauses: number[] = [];
    for (let told = 1; told <= 8; told++) {
      const beganMs = Date.now();
      while (rounds.errors.length < told) {
        await rounds.round();
        if (rounds.errors.length < told) vi.advanceTimersByTime(500);
      }
      pauses.push(Date.now() - beganMs);
    }
    expect(pauses).toEqual([0, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);

    rounds.isBroken = false;
    vi.advanceTimersByTime(60_000);
    await rounds.round();
    rounds.isBroken = true;
    await rounds.round();
    vi.advanceTimersByTime(2_000);
    await rounds.round();
    expect(rounds.errors).toHaveLength(10);
  });
});

describe('a round', () => {
  it('ends between two tenants where it is to stop', async () => {
    const rounds = new Rounds();
    await rounds.round(() => rounds.done.length > 0);
    expect(rounds.done).toEqual([GOOD]);
  });

  it.each([
    ['all', true],
    ['worker', true],
    ['api', false],
  ] as const)('of a process whose role is %s begins with it: %s', async (role, begins) => {
    const rounds = new Rounds(role);
    await rounds.onApplicationBootstrap();
    await vi.advanceTimersByTimeAsync(0);
    await rounds.beforeApplicationShutdown();
    expect(rounds.done.length > 0).toBe(begins);
  });
});
