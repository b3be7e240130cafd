import type { Scope } from '../scope.js';

/**
 * Every command that can be put under four eyes, with the scope of its routes. Routes that lead to the
 * same end are one command: else each were a way around the policy that names the other.
 */
export const COMMAND_SCOPES = {
  'usage_event.void': 'usage:adjust',
  'quarantined_event.delete': 'usage:adjust',
  'meter.change': 'billing:write',
  'meter.archive': 'billing:write',
  'customer.change': 'billing:write',
  'billing_source.change': 'billing:write',
  'period.close': 'billing:write',
  'push.resolve': 'billing:write',
  'reconciliation.repair': 'billing:write',
  'replay.apply': 'billing:write',
  'replay.revert': 'billing:write',
  'customer.erase': 'admin',
  'stripe_account.change': 'admin',
  'api_key.create': 'admin',
  'api_key.rotate': 'admin',
  'api_key.revoke': 'admin',
  'approval_policy.change': 'admin',
} as const satisfies Readonly<Record<string, Scope>>;

export type GuardedCommand = keyof typeof COMMAND_SCOPES;

export const GUARDED_COMMANDS = Object.keys(COMMAND_SCOPES) as readonly GuardedCommand[];

/** Need it as soon as any does: else one key could switch it off, or make itself a second pair of eyes. */
export const ALWAYS_GUARDED: readonly GuardedCommand[] = [
  'approval_policy.change',
  'api_key.create',
  'api_key.rotate',
];

/** Whether a policy that names these commands asks for a second key before one. */
export function isGuarded(named: readonly GuardedCommand[], command: GuardedCommand): boolean {
  return guardedBy(named).includes(command);
}

/** All that need a second key where a policy names some. */
export function guardedBy(named: readonly GuardedCommand[]): readonly GuardedCommand[] {
  return named.length === 0 ? [] : [...ALWAYS_GUARDED, ...named];
}

/** The scope to look at approvals, beside that of the command itself. */
export const READING_SCOPE: Scope = 'usage:read';
