import { Injectable } from '@nestjs/common';
import { Database } from '../../database/database.js';
import { toPage, type Page, type PageRequest } from '../../database/page.js';
import { formatInstantMicros } from '../../domain/instant.js';
import { Problem } from '../../problem/problem.js';
import { audit } from '../audit/audit.js';
import type { Principal } from '../caller.js';
import { requireScopes } from '../require-scopes.js';
import {
  approvalById,
  decideApproval,
  listApprovals,
  lockApproval,
  type ApprovalRow,
  type ApprovalSummaryRow,
} from './approval-decision.store.js';
import type { ApprovalState } from './approval.store.js';
import { keyLine, type KeyLine } from './key-line.store.js';

export type Decision = 'approve' | 'refuse';

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Shows what waits for an approval to whoever could do it, and decides. */
@Injectable()
export class ApprovalService {
  constructor(private readonly db: Database) {}

  /** Of the commands that the caller has the scope of; the newest first. */
  async list(
    { tenantId, scopes }: Principal,
    state: ApprovalState | undefined,
    page: PageRequest,
  ): Promise<Page<ApprovalSummaryRow>> {
    const filter = { scopes, state, after: page.after, limit: page.limit + 1 };
    const rows = await listApprovals(this.db.work, tenantId, filter);
    return toPage(rows, page, ({ createdAt, id }) => [formatInstantMicros(createdAt), id]);
  }

  async get(caller: Principal, id: string): Promise<ApprovalRow> {
    if (!UUID.test(id)) throw notFound();
    const approval = await approvalById(this.db.work, caller.tenantId, id);
    if (approval === undefined) throw notFound();
    requireScopes(caller, [approval.scope]);
    return approval;
  }

  async decide(caller: Principal, id: string, decision: Decision, reason: string): Promise<void> {
    if (!UUID.test(id)) throw notFound();
    const { tenantId, keyId } = caller;
    await this.db.work.transaction(async (tx) => {
      const approval = await lockApproval(tx, tenantId, id);
      if (approval === undefined) throw notFound();
      requireScopes(caller, [approval.scope]);
      requireOtherKey(approval, await keyLine(tx, tenantId, keyId));
      if (approval.state !== 'requested') {
        throw new Problem('approval_decided', `the approval is ${approval.state}`, {
          extensions: { state: approval.state },
        });
      }
      const state = decision === 'approve' ? 'approved' : 'refused';
      await decideApproval(tx, tenantId, id, { state, keyId, reason });
      await audit(tx, tenantId, {
        action: `approval.${state}`,
        subject: `approval:${id}`,
        reason,
        after: { command: approval.command, requested_by: approval.requestedBy },
      });
    });
  }
}

/** Two pairs of eyes are two keys of which neither made the other. */
function requireOtherKey(approval: ApprovalSummaryRow, key: KeyLine): void {
  if (key.line === approval.keyLine) {
    throw new Problem('approval_by_requester', 'the key is of the line that asked for it');
  }
  if (key.createdAt >= approval.createdAt) {
    throw new Problem('approval_key_too_new', 'the key was made after it was asked for');
  }
}

function notFound(): Problem {
  return new Problem('approval_not_found', 'no approval has this id');
}
