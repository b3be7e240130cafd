import { randomBytes } from 'node:crypto';
import type { Transaction } from '../../database/connections.js';
import type { Micros } from '../../domain/instant.js';
import { currentActor, type Actor } from './actor.js';
import { entryHash, partDigest } from './audit-hash.js';
import {
  insertEntries,
  lockHead,
  type AuditHead,
  type AuditRow,
  type AuditTexts,
} from './audit.store.js';

/** What was changed, as the audit tells it. Never a secret: it is kept for good and shown. */
export interface AuditedChange {
  /** What was done, by a stable name: `period.closed`. */
  readonly action: string;
  /**
   * What it was done to, as kind and id: `meter:tokens`. Whatever tells of a customer has the
   * subject `customer:<id>` or a `customer_id` in `before` or `after`: an erasure looks there.
   */
  readonly subject: string;
  /** What the actor gave as the reason. */
  readonly reason?: string | null;
  /** What stood there; nothing where it is new. */
  readonly before?: object | null;
  readonly after?: object | null;
}

const SALT_BYTES = 16;

/**
 * Notes changes in the tenant's chain, inside the transaction that makes them: neither is there
 * without the other. Any number in two statements.
 *
 * To be called last in a transaction, as it holds up every other change of the tenant until the
 * commit, and no lock must be waited for behind it.
 */
export async function audit(
  tx: Transaction,
  tenantId: string,
  changed: AuditedChange | readonly AuditedChange[],
): Promise<void> {
  const changes = 'action' in changed ? [changed] : changed;
  if (changes.length === 0) return;
  const actor = currentActor();
  const parts = changes.map((change) => partsOf(change, actor));
  const { at, actorName, ...head } = await lockHead(tx, tenantId, actor);
  const by = { actorKind: actor.kind, actorId: actor.id, actorName };
  const rows = chained(tenantId, head, { at, ...by }, parts);
  await insertEntries(tx, tenantId, rows);
}

type Parts = Pick<AuditRow, 'action' | 'digests'> & AuditTexts & { readonly salt: Buffer };

function chained(
  tenantId: string,
  head: AuditHead,
  by: Pick<AuditRow, 'actorKind' | 'actorId' | 'actorName'> & { readonly at: Micros },
  parts: readonly Parts[],
): AuditRow[] {
  let { sequence, hash: previousHash } = head;
  return parts.map((part) => {
    sequence += 1;
    const entry = { ...part, ...by, tenantId, sequence, previousHash };
    const hash = entryHash(entry);
    previousHash = hash;
    return { ...entry, hash };
  });
}

function partsOf(
  { action, subject, reason, before, after }: AuditedChange,
  { approval }: Actor,
): Parts {
  const salt = randomBytes(SALT_BYTES);
  const approved =
    approval === undefined
      ? after
      : { ...after, approval: { id: approval.id, approved_by: approval.approvedBy } };
  const texts = {
    subject,
    reason: reason ?? null,
    before: jsonOf(before),
    after: jsonOf(approved),
  };
  return {
    action,
    ...texts,
    salt,
    digests: {
      subject: partDigest(salt, 'subject', texts.subject),
      reason: partDigest(salt, 'reason', texts.reason),
      before: partDigest(salt, 'before', texts.before),
      after: partDigest(salt, 'after', texts.after),
    },
  };
}

function jsonOf(value: object | null | undefined): string | null {
  return value == null ? null : JSON.stringify(value);
}
