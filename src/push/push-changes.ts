import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { nameOf } from '../stripe/account-name.js';
import { PushAccounts } from '../stripe/push-site.js';
import { requeueChanged, requeueForAccount } from './push-requeue.store.js';

/**
 * Notices that mappings, meters, schedules or the Stripe account changed: each change raises the version of the
 * tenant's gate. The first look of a process counts as a change, since its key may be new.
 */
@Injectable()
export class PushChanges {
  private readonly seen = new Map<string, number>();
  private readonly accountsSeen = new Map<string, string>();

  constructor(
    private readonly db: Database,
    private readonly accounts: PushAccounts,
  ) {}

  /** Has what may have been cured planned again. */
  async tick(tenantId: string, gateVersion: number): Promise<void> {
    if (this.seen.get(tenantId) !== gateVersion) {
      // Read anew, so that what is planned next is not planned for the account before.
      const stripeIsConfigured = await this.accounts.isConfigured(tenantId);
      await requeueChanged(this.db.work, tenantId, stripeIsConfigured);
      this.seen.set(tenantId, gateVersion);
    }
    await this.lookAtAccount(tenantId);
  }

  private async lookAtAccount(tenantId: string): Promise<void> {
    const account = await this.accounts.of(tenantId);
    if (account === undefined) return;
    const name = nameOf(account);
    if (this.accountsSeen.get(tenantId) === name) return;
    await requeueForAccount(this.db.work, tenantId, account);
    this.accountsSeen.set(tenantId, name);
  }
}
