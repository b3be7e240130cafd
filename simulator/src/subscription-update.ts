import { occasionOf } from './core-event-emit.js';
import type { Parameters } from './parameters.js';
import type { Call, Plan } from './route.js';
import type { Subscription, SubscriptionRecord } from './subscription.js';
import { earliestEnd, notAhead } from './subscription-create.js';
import { announceUpdate, planCycle, turn } from './subscription-cycle.js';
import { changeItems, readItem, type ItemOrder } from './subscription-items.js';
import { liveSubscriptionOf } from './subscription-lookup.js';
import type { World } from './world.js';

interface Update {
  items: ItemOrder[];
  cancelAtPeriodEnd: boolean | undefined;
  /** Null takes it back. */
  cancelAt: number | null | undefined;
  trialEnd: number | 'now' | undefined;
  restartsCycle: boolean;
  /** Null takes it back. */
  pause: Subscription['pause_collection'] | undefined;
  collection: Subscription['collection_method'] | undefined;
  metadata: Record<string, string> | undefined;
}

export function planUpdate(world: World, call: Call): Plan {
  const update = readUpdate(call.parameters);
  return { lane: null, execute: () => carryOut(world, call, update) };
}

function readUpdate(parameters: Parameters): Update {
  const trialEnd = parameters.text('trial_end', 20);
  return {
    items: parameters.objects('items').map(readItem),
    cancelAtPeriodEnd: parameters.boolean('cancel_at_period_end'),
    cancelAt: parameters.isEmpty('cancel_at') ? null : parameters.integer('cancel_at'),
    trialEnd: trialEnd === 'now' ? trialEnd : parameters.integer('trial_end'),
    restartsCycle: readAnchor(parameters) === 'now',
    pause: readPause(parameters),
    collection: parameters.oneOf('collection_method', [
      'charge_automatically',
      'send_invoice',
    ] as const),
    metadata: parameters.map('metadata'),
  };
}

/** `now` or `unchanged`: as text, and in newer versions of the API as an object with a `type`. */
export function readAnchor(parameters: Parameters): string | undefined {
  const name = 'billing_cycle_anchor';
  const text = parameters.textUnlessObject(name);
  return text ?? parameters.object(name)?.text('type', 20);
}

/** Of the three behaviours only drafts that are kept are simulated. */
function readPause(parameters: Parameters): Update['pause'] {
  if (parameters.isEmpty('pause_collection')) return null;
  const pause = parameters.object('pause_collection');
  if (!pause) return undefined;
  return { behavior: pause.requiredOneOf('behavior', ['keep_as_draft']), resumes_at: null };
}

function carryOut(world: World, call: Call, update: Update): Subscription {
  const { account, pathId } = call;
  const occasion = occasionOf(world, call);
  const now = Math.floor(occasion.atMs / 1000);
  const record = liveSubscriptionOf(account, pathId);
  const { subscription } = record;
  const before = structuredClone(subscription);
  checkTimes(update, now);
  for (const item of update.items) changeItems(world, account, record, item, now);
  if (update.metadata) subscription.metadata = { ...subscription.metadata, ...update.metadata };
  if (update.pause !== undefined) subscription.pause_collection = update.pause;
  if (update.collection !== undefined) subscription.collection_method = update.collection;
  moveCycle(record, update, now);
  cancelLater(subscription, update, now);
  const isOver = subscription.items.data.some((item) => item.current_period_end <= now);
  if (isOver) turn(world, account, record, occasion, before, 'subscription_update');
  else {
    announceUpdate(world, account, record, occasion, before);
    planCycle(world, account, record);
  }
  return subscription;
}

function checkTimes({ cancelAt, trialEnd }: Update, now: number): void {
  if (typeof cancelAt === 'number' && cancelAt <= now) throw notAhead('cancel_at');
  if (typeof trialEnd === 'number' && trialEnd <= now) throw notAhead('trial_end');
}

/** A new cycle, or a trial that ends now, ends the period; another trial end moves it. */
function moveCycle({ subscription }: SubscriptionRecord, update: Update, now: number): void {
  const { restartsCycle } = update;
  const isTrial = subscription.status === 'trialing';
  const trialEnd = update.trialEnd === 'now' ? (isTrial ? now : undefined) : update.trialEnd;
  if (!restartsCycle && trialEnd === undefined) return;
  if (trialEnd !== undefined) {
    subscription.trial_end = trialEnd;
    subscription.trial_start ??= now;
    subscription.status = 'trialing';
  }
  const end = trialEnd ?? now;
  subscription.billing_cycle_anchor = end;
  for (const item of subscription.items.data) item.current_period_end = end;
}

function cancelLater(subscription: Subscription, update: Update, now: number): void {
  const { cancelAtPeriodEnd, cancelAt } = update;
  if (cancelAt !== undefined) subscription.cancel_at = cancelAt;
  if (cancelAtPeriodEnd !== undefined) {
    subscription.cancel_at_period_end = cancelAtPeriodEnd;
    subscription.cancel_at = cancelAtPeriodEnd ? earliestEnd(subscription) : (cancelAt ?? null);
  }
  if (subscription.cancel_at === null) subscription.canceled_at = null;
  else subscription.canceled_at ??= now;
}
