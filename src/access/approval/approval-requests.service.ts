import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { Transaction } from '../../database/connections.js';
import { atCommit, isContinued } from '../../database/command-context.js';
import { Database } from '../../database/database.js';
import { formatInstant } from '../../domain/instant.js';
import { findCommand } from '../../idempotency/command-answer.store.js';
import { Problem } from '../../problem/problem.js';
import type { UsedApproval } from '../audit/actor.js';
import { audit, type AuditedChange } from '../audit/audit.js';
import { lockPolicy } from './approval-policy.store.js';
import {
  clearApprovals,
  countAskedFor,
  insertApproval,
  isHeldElsewhere,
  openApproval,
  useApproval,
  usedApproval,
  type OpenApproval,
  type RequestIdentity,
} from './approval.store.js';
import { COMMAND_SCOPES, isGuarded } from './guarded-command.js';
import { commandKeyOf, identityOf, type GuardedRequest } from './guarded-request.js';
import { keyLine } from './key-line.store.js';

/** Of a line of keys, at once: more than people decide in a day. */
const WAITING_MAX = 100;
/** Of a line of keys in 24 hours, whatever came of them: each is a row that is kept for weeks. */
const A_DAY_MAX = 1_000;

/** A request that was let through, to run under its approval. */
export interface AdmittedRequest {
  readonly request: GuardedRequest;
  readonly identity: RequestIdentity;
}

/** Asks for approvals of requests, and uses them up. */
@Injectable()
export class ApprovalRequestsService {
  constructor(private readonly db: Database) {}

  /**
   * Lets a request through that was approved, or that was done before under its key.
   *
   * @returns Nothing where it needs no approval any more.
   * @throws Problem `approval_required` with the approval that now is, or was before, asked for.
   */
  async admit(request: GuardedRequest): Promise<AdmittedRequest | undefined> {
    const { tenantId, keyId } = request.caller;
    const { line } = await keyLine(this.db.work, tenantId, keyId);
    const identity = identityOf(request, line);
    const open = await openApproval(this.db.work, identity);
    if (open?.state === 'approved') return { request, identity };
    // Later than that look: an approval that was used meanwhile was so with the command's commit.
    const command = commandKeyOf(request);
    const known = command && (await findCommand(this.db.work, command));
    if (known !== undefined) return { request, identity };
    const asked = open ?? (await this.ask(request, identity));
    if (asked === undefined) return undefined;
    throw approvalRequired(asked);
  }

  /**
   * Uses the approval up, right before the command runs: as part of it where it has an idempotency
   * key, else by the try alone.
   *
   * @throws Problem `approval_used` where another request was faster, or it has just expired.
   */
  async use({ request, identity }: AdmittedRequest): Promise<UsedApproval | undefined> {
    const { tenantId, keyId } = request.caller;
    // The run that this one goes on from has used it.
    if (isContinued()) return usedApproval(this.db.work, identity);
    return this.db.work.transaction(async (tx) => {
      const approval = await useApproval(tx, identity, keyId);
      if (approval === undefined) {
        throw new Problem('approval_used', 'it was used, or has expired, at this moment');
      }
      const { id, approvedBy } = approval;
      const after = { command: request.command, approved_by: approvedBy };
      const use: AuditedChange = { action: 'approval.used', subject: `approval:${id}`, after };
      // No lock may be waited for behind an entry: here the whole command would be.
      if (!atCommit((last) => audit(last, tenantId, use))) await audit(tx, tenantId, use);
      return approval;
    });
  }

  /** @returns Nothing where the policy has ceased to name the command. */
  private ask(
    request: GuardedRequest,
    identity: RequestIdentity,
  ): Promise<OpenApproval | undefined> {
    const { caller, command, parameters, query, body, hiddenMembers } = request;
    const { tenantId } = identity;
    return this.db.work.transaction(async (tx) => {
      if (!isGuarded(await lockPolicy(tx, tenantId), command)) return undefined;
      await clearApprovals(tx, tenantId);
      const open = await openApproval(tx, identity);
      if (open !== undefined) return open;
      if (await isHeldElsewhere(tx, identity)) {
        throw new Problem('approval_used', 'another request is at work with it');
      }
      await requireRoom(tx, identity);
      const id = randomUUID();
      const scope = COMMAND_SCOPES[command];
      const shown = { parameters, query, body, hiddenMembers };
      const row = { ...identity, id, command, scope, requestedBy: caller.keyId, ...shown };
      const made = await insertApproval(tx, row);
      if (made === undefined) throw new Error('an approval was asked for past the lock');
      await audit(tx, tenantId, {
        action: 'approval.requested',
        subject: `approval:${id}`,
        after: {
          command,
          request_hash: request.hash.toString('hex'),
          expires_at: formatInstant(made.expiresAt),
        },
      });
      return made;
    });
  }
}

async function requireRoom(tx: Transaction, identity: RequestIdentity): Promise<void> {
  const { made, waiting } = await countAskedFor(tx, identity);
  if (waiting >= WAITING_MAX) {
    throw new Problem('approvals_full', `${WAITING_MAX} requests of the key wait for an approval`);
  }
  if (made >= A_DAY_MAX) {
    throw new Problem('approvals_full', `the key has asked for ${A_DAY_MAX} in 24 hours`);
  }
}

function approvalRequired({ id, state, expiresAt }: OpenApproval): Problem {
  const detail =
    state === 'approved' ? 'it was approved at this moment' : 'another key has to approve it first';
  return new Problem('approval_required', detail, {
    extensions: { approval_id: id, expires_at: formatInstant(expiresAt) },
  });
}
