import type { Account } from './account.js';
import type { Customer } from './customer.js';
import { noSuch } from './errors.js';
import { randomId } from './ids.js';
import type { Call, Plan, Route } from './route.js';
import type { World } from './world.js';

export function customerRoutes(world: World): Route[] {
  return [
    { method: 'POST', path: '/v1/customers', plan: (call) => planCreate(world, call) },
    { method: 'GET', path: '/v1/customers/:id', plan: (call) => planGet(world, call) },
  ];
}

export function accountRoutes(): Route[] {
  const plan = ({ account }: Call): Plan => ({
    lane: null,
    execute: () => ({ id: account.id, object: 'account' }),
  });
  return [{ method: 'GET', path: '/v1/account', plan }];
}

/** Adds a customer with a chosen id, as only the oracle can. */
export function addCustomer(world: World, account: Account, id: string): Customer {
  const customer = newCustomer(world, account, id);
  account.customers.set(id, customer);
  return customer;
}

/** Stripe's customers have many more parameters; they are taken and dropped. */
function planCreate(world: World, { account, parameters }: Call): Plan {
  const name = parameters.text('name', 256) ?? null;
  const email = parameters.text('email', 512) ?? null;
  const description = parameters.text('description', 5000) ?? null;
  const metadata = parameters.map('metadata') ?? {};
  return {
    lane: null,
    execute: () => {
      const customer = addCustomer(world, account, randomId('cus_', 14));
      return Object.assign(customer, { name, email, description, metadata });
    },
  };
}

function planGet(world: World, { account, parameters, pathId }: Call): Plan {
  parameters.end();
  return {
    lane: null,
    execute: () => {
      const customer = account.customers.get(pathId);
      if (customer) return customer;
      if (world.customerExists(account, pathId)) return newCustomer(world, account, pathId);
      throw noSuch('customer', pathId, 'id', 404);
    },
  };
}

function newCustomer(world: World, account: Account, id: string): Customer {
  return {
    id,
    object: 'customer',
    created: world.clock.nowSeconds(),
    description: null,
    email: null,
    livemode: account.livemode,
    metadata: {},
    name: null,
  };
}
