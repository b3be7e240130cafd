import type { Attempted } from '../../src/push/push-settlement.js';

/** Of a push that was never sent before. */
export const FIRST_ATTEMPT: Attempted = {
  fromStatus: 'pending',
  reason: null,
  keyNo: 0,
  attempts: 1,
  unknownAttempts: 0,
  lastError: null,
};
