import type { CodeEntry } from './code-entry.js';

/** Codes of commands that one key asks for and another approves. */
export const APPROVAL_CODES = {
  approval_required: {
    status: 409,
    title: 'Another key has to approve this first',
    remedy:
      'Have it decided by `POST /v1/approvals/:id/decisions`, then send the very same again, with the same `Idempotency-Key` or again none.',
  },
  approval_used: {
    status: 409,
    title: 'The approval was used by another request, or has just expired',
    remedy:
      'See whether the other request did it; send the same again to ask for another approval.',
  },
  approval_not_possible: {
    status: 409,
    title: 'What needs an approval cannot be sent in this way',
    remedy: 'Send it in parts that somebody can read: see `detail`.',
  },
  approvals_full: {
    status: 409,
    title: 'The key has asked for too many approvals',
    remedy: 'Have those decided that wait, or wait: each counts for 24 hours.',
  },
  approval_not_found: {
    status: 404,
    title: 'There is no such approval',
    remedy: 'Check the id against the list; what is over is kept for 30 days.',
  },
  approval_decided: {
    status: 409,
    title: 'The approval is decided or expired',
    remedy: 'Read it; if it is still wanted, the requester sends the request again.',
  },
  approval_by_requester: {
    status: 403,
    title: 'Whoever asks for a command does not decide on it',
    remedy: 'Decide with a key that is neither the one that asked nor rotated from or to it.',
  },
  approval_key_too_new: {
    status: 403,
    title: 'The key was made after the command was asked for',
    remedy: 'Decide with a key that was there before.',
  },
  approvers_missing: {
    status: 409,
    title: 'There are not two keys of which one could approve what the other asks for',
    remedy:
      'Make another key with the scope that `detail` names and `usage:read`, not by rotating, and give it to somebody else; then send the same again.',
  },
} as const satisfies Record<string, CodeEntry>;
