import type { Account } from './account.js';
import { emit, occasionOf } from './core-event-emit.js';
import type { Customer } from './customer.js';
import { noSuch } from './errors.js';
import type { Call, Plan, Route } from './route.js';
import { endSubscriptionsOf } from './subscriptions.js';
import type { World } from './world.js';

export function customerRoutes(world: World): Route[] {
  return [
    { method: 'POST', path: '/v1/customers', plan: (call) => planCreate(world, call) },
    { method: 'GET', path: '/v1/customers/:id', plan: (call) => planGet(world, call) },
    { method: 'DELETE', path: '/v1/customers/:id', plan: (call) => planDelete(world, call) },
  ];
}

/** Adds a customer with a chosen id, as only the oracle can. */
export function addCustomer(world: World, account: Account, id: string): Customer {
  const customer = newCustomer(world, account, id);
  account.customers.set(id, customer);
  account.deletedCustomers.delete(id);
  return customer;
}

/** Stripe's customers have many more parameters; they are taken and dropped. */
function planCreate(world: World, call: Call): Plan {
  const { account, parameters } = call;
  const name = parameters.text('name', 256) ?? null;
  const email = parameters.text('email', 512) ?? null;
  const description = parameters.text('description', 5000) ?? null;
  const metadata = parameters.map('metadata') ?? {};
  return {
    lane: null,
    execute: () => {
      const customer = addCustomer(world, account, world.newId('cus_', 14));
      Object.assign(customer, { name, email, description, metadata });
      const change = { type: 'customer.created', object: customer };
      emit(world, account, occasionOf(world, call), change);
      return customer;
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
      if (account.deletedCustomers.has(pathId)) return deletedStub(pathId);
      throw noSuch('customer', pathId, 'id', 404);
    },
  };
}

/** Ends the subscriptions at once. A deleted customer can still be read, but has nothing any more. */
function planDelete(world: World, call: Call): Plan {
  const { account, parameters, pathId } = call;
  parameters.end();
  return {
    lane: null,
    execute: () => {
      if (!world.customerExists(account, pathId)) throw noSuch('customer', pathId, 'id', 404);
      const customer = account.customers.get(pathId) ?? newCustomer(world, account, pathId);
      const occasion = occasionOf(world, call);
      endSubscriptionsOf(world, account, pathId, occasion);
      account.customers.delete(pathId);
      account.deletedCustomers.add(pathId);
      emit(world, account, occasion, { type: 'customer.deleted', object: customer });
      return deletedStub(pathId);
    },
  };
}

function deletedStub(id: string): object {
  return { id, object: 'customer', deleted: true };
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
