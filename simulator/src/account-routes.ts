import { ApiError } from './errors.js';
import type { Call, Plan, Route } from './route.js';
import type { World } from './world.js';

/** `GET /v1/account`: which account a key belongs to, for the keys that may ask. */
export function accountRoutes(world: World): Route[] {
  return [{ method: 'GET', path: '/v1/account', plan: (call) => planGet(world, call) }];
}

function planGet(world: World, { account, keyKind }: Call): Plan {
  return {
    lane: null,
    execute: () => {
      const { accountRead } = world.switches;
      const mayRead = accountRead === 'secret_keys' ? keyKind === 'secret' : accountRead !== 'none';
      if (!mayRead) throw forbidden(account.id);
      return { id: account.id, object: 'account' };
    },
  };
}

/** In the words that Stripe has for a restricted key without a permission. */
function forbidden(accountId: string): ApiError {
  const message =
    'The provided key does not have the required permissions for this endpoint on account ' +
    `'${accountId}'.`;
  return new ApiError(403, message);
}
