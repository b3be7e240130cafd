import type { Account } from './account.js';
import type { Caller } from './accounts.js';
import type { Parameters } from './parameters.js';

/** An authenticated request at its endpoint. */
export interface Call {
  account: Account;
  parameters: Parameters;
  keyKind: Caller['keyKind'];
  path: string;
  /** The `:id` of the path, or the empty string. */
  pathId: string;
  requestId: string;
  idempotencyKey: string | null;
}

/** A call whose parameters are in order, ready to run. */
export interface Plan {
  /** Two plans with one lane are refused while both are in flight. */
  lane: string | null;
  /** Returns the body of a 200 or throws an ApiError; either is stored under the key. */
  execute(): object;
}

export interface Route {
  method: 'DELETE' | 'GET' | 'POST';
  /** May hold one `:id` segment. */
  path: string;
  /** Checks parameters. What it throws is not stored, as execution has not begun. */
  plan(call: Call): Plan;
}

export interface RouteMatch {
  route: Route;
  pathId: string;
}

/** Finds the route of a path; a path no route has is Stripe's 404. */
export function matchRoute(
  routes: readonly Route[],
  method: string,
  path: string,
): RouteMatch | null {
  const segments = path.split('/');
  for (const route of routes) {
    if (route.method !== method) continue;
    const pattern = route.path.split('/');
    if (pattern.length !== segments.length) continue;
    const fits = pattern.every((part, index) => part === ':id' || part === segments[index]);
    if (fits) return { route, pathId: segments[pattern.indexOf(':id')] ?? '' };
  }
  return null;
}
