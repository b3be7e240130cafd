import { occasionOf } from './core-event-emit.js';
import { listOf, readPage } from './lists.js';
import type { Call, Plan, Route } from './route.js';
import type { SubscriptionItem, SubscriptionRecord } from './subscription.js';
import { announceUpdate, planCycle } from './subscription-cycle.js';
import { changeItem, changeItems, readItem, removeItem } from './subscription-items.js';
import { itemOf, liveSubscriptionOf, subscriptionOf } from './subscription-lookup.js';
import type { World } from './world.js';

const PATH = '/v1/subscription_items';

export function subscriptionItemRoutes(world: World): Route[] {
  const one = `${PATH}/:id`;
  return [
    { method: 'POST', path: PATH, plan: (call) => planAdd(world, call) },
    { method: 'GET', path: PATH, plan: planList },
    {
      method: 'GET',
      path: one,
      plan: ({ account, pathId }) => ({
        lane: null,
        execute: () => itemOf(account, pathId).item,
      }),
    },
    { method: 'POST', path: one, plan: (call) => planChange(world, call) },
    { method: 'DELETE', path: one, plan: (call) => planRemove(world, call) },
  ];
}

function planList({ account, parameters }: Call): Plan {
  const page = readPage(parameters);
  const subscription = parameters.requiredText('subscription', 5000);
  parameters.end();
  return {
    lane: null,
    execute: () => {
      const { items } = subscriptionOf(account, subscription).subscription;
      return listOf('subscription item', PATH, items.data, page);
    },
  };
}

function planAdd(world: World, call: Call): Plan {
  const { account, parameters } = call;
  const subscription = parameters.requiredText('subscription', 5000);
  const order = readItem(parameters);
  return {
    lane: null,
    execute: () => {
      const record = liveSubscriptionOf(account, subscription);
      return changing(world, call, record, (now) => {
        changeItems(world, account, record, { ...order, id: undefined }, now);
        return record.subscription.items.data.at(-1) ?? {};
      });
    },
  };
}

function planChange(world: World, call: Call): Plan {
  const { account, parameters, pathId } = call;
  const order = readItem(parameters);
  return withItem(world, call, (record, item, now) => {
    changeItem(world, account, record, item, { ...order, id: pathId }, now);
    return item;
  });
}

function planRemove(world: World, call: Call): Plan {
  return withItem(world, call, (record, item, now) => {
    removeItem(world, record, item, now);
    return { id: item.id, object: 'subscription_item', deleted: true };
  });
}

function withItem(
  world: World,
  call: Call,
  change: (record: SubscriptionRecord, item: SubscriptionItem, now: number) => object,
): Plan {
  return {
    lane: null,
    execute: () => {
      const { record, item } = itemOf(call.account, call.pathId);
      return changing(world, call, record, (now) => change(record, item, now));
    },
  };
}

function changing(
  world: World,
  call: Call,
  record: SubscriptionRecord,
  change: (now: number) => object,
): object {
  const occasion = occasionOf(world, call);
  const before = structuredClone(record.subscription);
  const answer = change(Math.floor(occasion.atMs / 1000));
  announceUpdate(world, call.account, record, occasion, before);
  planCycle(world, call.account, record);
  return answer;
}
