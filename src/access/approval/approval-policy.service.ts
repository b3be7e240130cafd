import { Injectable } from '@nestjs/common';
import { Database } from '../../database/database.js';
import type { Transaction } from '../../database/connections.js';
import { Problem } from '../../problem/problem.js';
import { currentActor } from '../audit/actor.js';
import { audit } from '../audit/audit.js';
import type { Scope } from '../scope.js';
import { expireUnguarded } from './approval.store.js';
import { lockPolicy, policyOf, setPolicy } from './approval-policy.store.js';
import { COMMAND_SCOPES, guardedBy, isGuarded, type GuardedCommand } from './guarded-command.js';
import { countApprovers } from './key-line.store.js';

/** Says which commands of a tenant need a second key. */
@Injectable()
export class ApprovalPolicyService {
  constructor(private readonly db: Database) {}

  get(tenantId: string): Promise<readonly GuardedCommand[]> {
    return policyOf(this.db.work, tenantId);
  }

  /** Whether a command needs a second key now. */
  async guards(tenantId: string, command: GuardedCommand): Promise<boolean> {
    return isGuarded(await policyOf(this.db.work, tenantId), command);
  }

  /** @throws Problem `approvers_missing` where nothing could ever be approved. */
  async put(tenantId: string, wanted: readonly GuardedCommand[]): Promise<void> {
    const commands = wanted.toSorted();
    await this.db.work.transaction(async (tx) => {
      const before = await lockPolicy(tx, tenantId);
      // Whoever came through the door before the policy was there has no approval to change it.
      if (before.length > 0 && currentActor().approval === undefined) {
        throw new Problem('conflict', 'the policy was set at this moment; send the same again');
      }
      if (commands.length > 0) await requireApprovers(tx, tenantId, commands);
      if (before.join() === commands.join()) return;
      await setPolicy(tx, tenantId, commands);
      await expireUnguarded(tx, tenantId, guardedBy(commands));
      await audit(tx, tenantId, {
        action: 'approval_policy.changed',
        subject: 'approval_policy',
        before: { commands: before },
        after: { commands },
      });
    });
  }
}

async function requireApprovers(
  tx: Transaction,
  tenantId: string,
  commands: readonly GuardedCommand[],
): Promise<void> {
  for (const scope of new Set<Scope>(
    guardedBy(commands).map((command) => COMMAND_SCOPES[command]),
  )) {
    const approvers = await countApprovers(tx, tenantId, scope);
    if (approvers >= 2) continue;
    const have = approvers === 0 ? 'no live key has' : 'only one live key has';
    throw new Problem('approvers_missing', `${have} the scopes ${scope} and usage:read`, {
      extensions: { scope },
    });
  }
}
