import type { Account } from './account.js';
import { noSuch } from './errors.js';
import type { Product } from './product.js';
import type { Call, Plan, Route } from './route.js';
import type { World } from './world.js';

export function productRoutes(world: World): Route[] {
  const path = '/v1/products';
  return [
    { method: 'POST', path, plan: (call) => planCreate(world, call) },
    { method: 'GET', path: `${path}/:id`, plan: planGet },
  ];
}

export function addProduct(
  world: World,
  account: Account,
  name: string,
  metadata: Product['metadata'] = {},
): Product {
  const product: Product = {
    id: world.newId('prod_', 14),
    object: 'product',
    active: true,
    created: world.clock.nowSeconds(),
    livemode: account.livemode,
    metadata,
    name,
  };
  account.billing.products.set(product.id, product);
  return product;
}

function planCreate(world: World, { account, parameters }: Call): Plan {
  const name = parameters.requiredText('name', 5000);
  const metadata = parameters.map('metadata') ?? {};
  return { lane: null, execute: () => addProduct(world, account, name, metadata) };
}

function planGet({ account, pathId }: Call): Plan {
  return {
    lane: null,
    execute: () => {
      const product = account.billing.products.get(pathId);
      if (!product) throw noSuch('product', pathId, 'id', 404);
      return product;
    },
  };
}
