import type { Calls } from '../calls.js';
import type { PushRow } from './books.js';

/** What went over the wire: one call at a time, one body for each key, no key that nothing asked for. */
export function checkCalls(calls: Calls, pushes: readonly PushRow[]): string[] {
  const findings = calls.overlaps.map((overlap) => `two calls at once: ${overlap}`);
  const bodies = new Map<string, string>();
  const keys = new Map<string, Set<string>>();
  for (const { idempotencyKey, identifier, body } of calls.all) {
    for (const name of [`key ${idempotencyKey}`, `identifier ${identifier}`]) {
      const known = bodies.get(name) ?? body;
      if (known !== body) findings.push(`${name} was sent with two bodies: ${known} and ${body}`);
      bodies.set(name, body);
    }
    keys.set(identifier, (keys.get(identifier) ?? new Set()).add(idempotencyKey));
  }
  for (const { identifier, keyNo } of pushes) {
    const used = keys.get(identifier)?.size ?? 0;
    if (used > keyNo + 1) {
      findings.push(`push ${identifier} was sent under ${used} keys, its key number is ${keyNo}`);
    }
  }
  return findings;
}
