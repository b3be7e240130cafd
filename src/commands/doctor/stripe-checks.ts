import type { Config } from '../../config/config.js';
import { Database } from '../../database/database.js';
import type { Meter } from '../../domain/meter.js';
import { metersOf } from '../../meters/meter.store.js';
import { routeOf } from '../../push/push-obstacle.js';
import { StripeAccounts } from '../../stripe/stripe-accounts.js';
import {
  askAccountId,
  StripeUnavailable,
  type StripeAccount,
} from '../../stripe/stripe-account.js';
import { StripeMeters } from '../../stripe/stripe-meters.js';
import type { Services } from '../services.js';
import { fail, ok, warn, type Check } from './check.js';

/** Any customer will do: it is the meter that is looked at. */
const SOME_CUSTOMER = 'cus_any';

/** The Stripe account of the tenant, and whether our meters have a fitting one there. */
export async function checkStripe(
  services: Services,
  config: Readonly<Config>,
  tenantId: string,
): Promise<Check[]> {
  const isConfigured = await services.get(StripeAccounts).isConfigured(tenantId);
  if (config.STRIPE_SECRET_KEY === undefined && !isConfigured) {
    const advice = 'Set STRIPE_SECRET_KEY to push usage; until then it is only counted.';
    return [warn('Stripe', 'no key is set: pushes are held', advice)];
  }
  try {
    const account = await services.get(StripeAccounts).of(tenantId);
    if (account === undefined) {
      const advice =
        'The key of the environment is of the tenant default alone; use PUT /v1/stripe-account.';
      return [warn('Stripe', 'the tenant has no Stripe account', advice)];
    }
    // The id may be known from before: whether Stripe answers is another question.
    await askAccountId(account.client);
    const mode = account.livemode ? 'live mode' : 'test mode';
    const reached = ok('Stripe', `${account.accountId} in ${mode} at ${config.STRIPE_API_BASE}`);
    return [reached, ...(await checkMeters(services, tenantId, account))];
  } catch (error) {
    if (!(error instanceof StripeUnavailable)) throw error;
    const advice = error.isRefusal
      ? 'Make a restricted key that may read accounts and meters and write meter events.'
      : 'Look at STRIPE_API_BASE, the key and the network; pushes wait until then.';
    return [fail('Stripe', error.message, advice)];
  }
}

async function checkMeters(
  services: Services,
  tenantId: string,
  account: StripeAccount,
): Promise<Check[]> {
  const meters = await metersOf(services.get(Database).work, tenantId);
  const pushed = meters.filter(
    (meter) => !meter.archived && meter.push !== 'off' && meter.stripeEventName !== null,
  );
  const checks: Check[] = [];
  for (const [at, meter] of pushed.entries()) {
    checks.push(await checkMeter(services, tenantId, account, meter, at === 0));
  }
  return checks;
}

/** @param fresh Asks Stripe again; what it says of one meter, it says of all. */
async function checkMeter(
  services: Services,
  tenantId: string,
  account: StripeAccount,
  meter: Meter,
  fresh: boolean,
): Promise<Check> {
  const eventName = meter.stripeEventName!;
  const name = `meter ${meter.key}`;
  const found = await services.get(StripeMeters).find(tenantId, account, eventName, fresh);
  const side = {
    kind: 'account',
    accountId: account.accountId,
    livemode: account.livemode,
    values: 'decimal',
    meters: new Map([[eventName, found]]),
  } as const;
  const route = routeOf(side, { ...meter, stripeCustomerId: SOME_CUSTOMER });
  if (!('obstacle' in route)) {
    return ok(name, `${eventName} is ${found!.stripeMeterId}, formula ${found!.formula}`);
  }
  const advice = {
    meter_not_found: `Create a meter with the event_name ${eventName} at Stripe.`,
    meter_inactive: `Reactivate the meter ${eventName} at Stripe.`,
    formula_mismatch: `Give ${meter.key}, which is a ${meter.aggregation}, a Stripe meter that fits.`,
  }[route.obstacle as string];
  const detail = route.detail ?? `${eventName}: ${route.obstacle}`;
  return fail(name, detail, advice ?? 'Its pushes are held.');
}
