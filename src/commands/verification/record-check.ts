import { createHash } from 'node:crypto';
import {
  entryHash,
  ERASABLE_PARTS,
  partDigest,
  type ErasablePart,
} from '../../access/audit/audit-hash.js';
import { fieldsIn, instantOf, textOf, textOrNull, wholeOf, type Fields } from './line-fields.js';

/** @returns What is wrong with an event of Stripe's; nothing where nothing is. */
export function faultOfStripeEvent(line: Fields): string | undefined {
  const body = textOrNull(line, 'body');
  if (body === null) return undefined;
  const sha256 = createHash('sha256').update(body).digest('hex');
  return sha256 === line['body_sha256'] ? undefined : `${textOf(line, 'id')} has another body`;
}

/** An entry is made anew from its texts: its hash stands in the chain, and in the next entry. */
export function faultOfAuditEntry(line: Fields, tenantId: string): string | undefined {
  const sequence = wholeOf(line, 'sequence');
  const actor = fieldsIn(line, 'actor');
  const told = fieldsIn(line, 'digests');
  const digest = (part: ErasablePart): Buffer => Buffer.from(textOf(told, part), 'hex');
  const salt = textOrNull(line, 'salt');
  if (salt !== null) {
    const altered = ERASABLE_PARTS.find(
      (part) =>
        !partDigest(Buffer.from(salt, 'hex'), part, textOrNull(line, part)).equals(digest(part)),
    );
    if (altered !== undefined) return `${altered} of entry ${sequence} was altered`;
  } else if (ERASABLE_PARTS.some((part) => line[part] !== null)) {
    return `entry ${sequence} was erased, and has texts`;
  }
  const hash = entryHash({
    tenantId,
    sequence,
    at: instantOf(line, 'at'),
    actorKind: textOf(actor, 'kind'),
    actorId: textOrNull(actor, 'id'),
    actorName: textOrNull(actor, 'name'),
    action: textOf(line, 'action'),
    digests: {
      subject: digest('subject'),
      reason: digest('reason'),
      before: digest('before'),
      after: digest('after'),
    },
    previousHash: Buffer.from(textOf(line, 'previous_hash'), 'hex'),
  });
  if (hash.toString('hex') === line['hash']) return undefined;
  return `entry ${sequence} has another hash than it says`;
}
