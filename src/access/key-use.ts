import { Injectable, type BeforeApplicationShutdown } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { Loop, type Turn } from '../clock/loop.js';
import { Database } from '../database/database.js';
import { MICROS_PER_MILLISECOND, MICROS_PER_MINUTE, type Micros } from '../domain/instant.js';
import { noteKeyUse } from './api-key.store.js';
import type { Principal } from './caller.js';

const WRITE_EVERY_MS = 2_000;
const NOTED_APART_MS = 60_000;
/** Beyond this the uses of some keys are not noted; who looks for idle keys has found another problem. */
const KEYS_MAX = 10_000;

/** Notes when keys were used last: beside the requests, never in them, and once a minute each. */
@Injectable()
export class KeyUse implements BeforeApplicationShutdown {
  /** By tenant and key: whose use was noted within the minute. */
  private readonly noted = new LRUCache<string, true>({ max: KEYS_MAX, ttl: NOTED_APART_MS });
  private readonly waiting = new Map<string, Pick<Principal, 'tenantId' | 'keyId'>>();
  private readonly loop = new Loop('last use of API keys', WRITE_EVERY_MS, (isStopping) =>
    this.round(isStopping),
  );

  constructor(private readonly db: Database) {}

  note({ tenantId, keyId }: Principal): void {
    const name = `${tenantId} ${keyId}`;
    if (this.noted.has(name) || this.waiting.size >= KEYS_MAX) return;
    this.noted.set(name, true);
    this.waiting.set(name, { tenantId, keyId });
    // The first use of all; a process that serves no requests need not wake up for them.
    this.loop.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.loop.stop();
  }

  /** What cannot be written is let go: the next use is noted within the minute. */
  private async round(isStopping: () => boolean): Promise<Turn> {
    const at: Micros = Date.now() * MICROS_PER_MILLISECOND;
    for (const [name, { tenantId, keyId }] of this.waiting) {
      if (isStopping()) break;
      this.waiting.delete(name);
      await noteKeyUse(this.db.work, tenantId, keyId, at, MICROS_PER_MINUTE);
    }
    return 'idle';
  }
}
