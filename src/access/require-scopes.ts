import { Problem } from '../problem/problem.js';
import type { Principal } from './caller.js';
import type { Scope } from './scope.js';

/** A key hands on only what it may do itself; else `admin` would be every scope, by a detour. */
export function requireScopes(caller: Principal, scopes: readonly Scope[]): void {
  const lacking = scopes.find((scope) => !caller.scopes.includes(scope));
  if (lacking === undefined) return;
  throw new Problem('insufficient_scope', `the API key lacks the scope ${lacking} itself`, {
    extensions: { scope: lacking },
  });
}
