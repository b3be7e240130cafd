import type { PushRow, TransitionRow } from './books.js';

/** docs/push-states.md, from its words. */
const WAYS: Readonly<Record<string, readonly string[]>> = {
  none: ['pending', 'shadow', 'delivered'],
  pending: ['sending', 'rejected'],
  sending: ['pending', 'unknown', 'delivered', 'rejected'],
  unknown: ['sending', 'delivered', 'rejected'],
  delivered: ['confirmed', 'disputed'],
  confirmed: ['disputed'],
  disputed: ['delivered', 'confirmed', 'rejected'],
  rejected: ['delivered'],
  shadow: [],
};

/** Every push came to where it stands by ways that there are, without a gap. */
export function checkTransitions(
  transitions: readonly TransitionRow[],
  pushes: readonly PushRow[],
): string[] {
  const findings: string[] = [];
  const unknown = new Set<string>();
  const last = new Map<string, TransitionRow>();
  for (const transition of transitions) {
    const { identifier, no, from, to } = transition;
    const before = last.get(identifier);
    if (no !== (before?.no ?? 0) + 1 || from !== (before?.to ?? null)) {
      findings.push(`push ${identifier}: transition ${no} begins at ${from}, not ${before?.to}`);
    }
    if (!WAYS[from ?? 'none']!.includes(to)) {
      findings.push(`push ${identifier}: no way leads from ${from} to ${to}`);
    }
    if (to === 'unknown') unknown.add(identifier);
    if (to === 'pending' && unknown.has(identifier)) {
      findings.push(`push ${identifier} is pending again, though one attempt was unknown`);
    }
    last.set(identifier, transition);
  }
  for (const { identifier, status } of pushes) {
    const told = last.get(identifier)?.to;
    if (told !== status)
      findings.push(`push ${identifier} is ${status}, its transitions say ${told}`);
  }
  return findings;
}
