/** Where a push stands. What is held is none of them: it has no push yet. */
export const PUSH_STATUSES = [
  'pending',
  'sending',
  'unknown',
  'delivered',
  'confirmed',
  'disputed',
  'rejected',
  'shadow',
] as const;
export type PushStatus = (typeof PUSH_STATUSES)[number];

/** What changes by the value, or what the whole period comes to. */
export const PUSHED_KINDS = ['delta', 'total'] as const;
export type PushedKind = (typeof PUSHED_KINDS)[number];

/** What it is known by that a push arrived, or did not. */
export const SETTLED_BY = ['answer', 'reading', 'resolution', 'withdrawal'] as const;
export type SettledBy = (typeof SETTLED_BY)[number];

/**
 * Where each status may lead; `none` is where a push begins. The database holds the same table
 * (`push_transition_way_check`), drawn in docs/push-states.md.
 */
export const PUSH_WAYS: Readonly<Record<PushStatus | 'none', readonly PushStatus[]>> = {
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
