import type { Account } from './account.js';
import { emit, occasionOf } from './core-event-emit.js';
import { ApiError, noSuch, parameterMissing } from './errors.js';
import { listOf, readPage } from './lists.js';
import type { Parameters } from './parameters.js';
import { INTERVALS, type Price, type Recurring } from './price.js';
import { addProduct } from './products.js';
import type { Call, Plan, Route } from './route.js';
import type { World } from './world.js';

const PATH = '/v1/prices';

export function priceRoutes(world: World): Route[] {
  return [
    { method: 'POST', path: PATH, plan: (call) => planCreate(world, call) },
    { method: 'GET', path: PATH, plan: planList },
    { method: 'GET', path: `${PATH}/:id`, plan: planGet },
    { method: 'POST', path: `${PATH}/:id`, plan: (call) => planUpdate(world, call) },
  ];
}

export function priceOf(account: Account, id: string, param: string, status: 400 | 404): Price {
  const price = account.billing.prices.get(id);
  if (!price) throw noSuch('price', id, param, status);
  return price;
}

function planCreate(world: World, call: Call): Plan {
  const { account, parameters } = call;
  const currency = parameters.requiredText('currency', 3);
  const recurring = readRecurring(parameters);
  const unitAmount = readUnitAmount(parameters);
  const productName = parameters.object('product_data')?.requiredText('name', 5000);
  const product = parameters.text('product', 5000);
  if (product === undefined && productName === undefined) throw parameterMissing('product');
  const nickname = parameters.text('nickname', 5000) ?? null;
  const lookupKey = parameters.text('lookup_key', 200) ?? null;
  const metadata = parameters.map('metadata') ?? {};
  return {
    lane: null,
    execute: () => {
      checkMeter(account, recurring);
      const isWhole = /^-?\d+$/.test(unitAmount);
      const price: Price = {
        id: world.newId('price_'),
        object: 'price',
        active: true,
        billing_scheme: 'per_unit',
        created: world.clock.nowSeconds(),
        currency,
        livemode: account.livemode,
        lookup_key: lookupKey,
        metadata,
        nickname,
        product: product ?? addProduct(world, account, productName ?? '').id,
        recurring,
        tiers_mode: null,
        transform_quantity: null,
        type: recurring ? 'recurring' : 'one_time',
        unit_amount: isWhole ? Number(unitAmount) : null,
        unit_amount_decimal: unitAmount,
      };
      account.billing.prices.set(price.id, price);
      emit(world, account, occasionOf(world, call), { type: 'price.created', object: price });
      return price;
    },
  };
}

function readRecurring(parameters: Parameters): Recurring | null {
  const recurring = parameters.object('recurring');
  if (!recurring) return null;
  return {
    interval: recurring.requiredOneOf('interval', INTERVALS),
    interval_count: recurring.integer('interval_count') ?? 1,
    meter: recurring.text('meter', 5000) ?? null,
    usage_type: recurring.oneOf('usage_type', ['licensed', 'metered'] as const) ?? 'licensed',
  };
}

function readUnitAmount(parameters: Parameters): string {
  const whole = parameters.integer('unit_amount');
  const decimal = parameters.text('unit_amount_decimal', 40);
  if (decimal === undefined) return String(whole ?? 0);
  const param = 'unit_amount_decimal';
  if (whole !== undefined) {
    throw new ApiError(400, `You may only specify one of: unit_amount, ${param}.`, { param });
  }
  if (/^\d+(\.\d{1,12})?$/.test(decimal)) return decimal;
  throw new ApiError(400, `Invalid decimal: ${decimal}`, { param });
}

/** Metered prices need a meter, and an active one. The wordings are ours. */
function checkMeter(account: Account, recurring: Recurring | null): void {
  if (!recurring) return;
  const param = 'recurring[meter]';
  const { meter: id, usage_type: usageType } = recurring;
  if (id === null) {
    if (usageType === 'licensed') return;
    throw new ApiError(400, 'Metered prices must be backed by a meter.', { param });
  }
  const meter = account.meters.get(id);
  if (!meter) throw noSuch('billing meter', id, param, 400);
  if (usageType === 'licensed') {
    throw new ApiError(400, 'Only metered prices can have a meter.', { param });
  }
  if (meter.status === 'active') return;
  throw new ApiError(400, 'A price cannot be attached to an inactive meter.', { param });
}

function planList({ account, parameters }: Call): Plan {
  const page = readPage(parameters);
  const active = parameters.boolean('active');
  const product = parameters.text('product', 5000);
  const recurring = parameters.object('recurring');
  const meter = recurring?.text('meter', 5000);
  recurring?.end();
  const lookupKeys = Object.values(parameters.map('lookup_keys') ?? {});
  parameters.end();
  return {
    lane: null,
    execute: () => {
      const prices = [...account.billing.prices.values()].reverse().filter((price) => {
        if (active !== undefined && price.active !== active) return false;
        if (product !== undefined && price.product !== product) return false;
        if (lookupKeys.length > 0 && !lookupKeys.includes(price.lookup_key ?? '')) return false;
        return meter === undefined || price.recurring?.meter === meter;
      });
      return listOf('price', PATH, prices, page);
    },
  };
}

function planGet({ account, pathId }: Call): Plan {
  return { lane: null, execute: () => priceOf(account, pathId, 'id', 404) };
}

/** Neither the amount nor the meter of a price ever changes. */
function planUpdate(world: World, call: Call): Plan {
  const { account, parameters, pathId } = call;
  const active = parameters.boolean('active');
  const nickname = parameters.text('nickname', 5000);
  const metadata = parameters.map('metadata');
  parameters.end();
  return {
    lane: null,
    execute: () => {
      const price = priceOf(account, pathId, 'id', 404);
      if (active !== undefined) price.active = active;
      if (nickname !== undefined) price.nickname = nickname;
      if (metadata !== undefined) price.metadata = { ...price.metadata, ...metadata };
      emit(world, account, occasionOf(world, call), { type: 'price.updated', object: price });
      return price;
    },
  };
}
