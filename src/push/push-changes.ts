import { Injectable } from '@nestjs/common';
import { Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { requeueChanged } from './push-requeue.store.js';

/**
 * Notices that mappings, meters or schedules changed: each change raises the version of the
 * tenant's gate. The first look of a process counts as a change, since its key may be new.
 */
@Injectable()
export class PushChanges {
  private readonly seen = new Map<string, number>();

  constructor(
    private readonly db: Database,
    private readonly config: Config,
  ) {}

  /** Has what may have been cured planned again. */
  async tick(tenantId: string, gateVersion: number): Promise<void> {
    if (this.seen.get(tenantId) === gateVersion) return;
    await requeueChanged(this.db.work, tenantId, this.config.STRIPE_SECRET_KEY !== undefined);
    this.seen.set(tenantId, gateVersion);
  }
}
