import type { Account } from './account.js';
import { API_VERSION } from './api-version.js';
import {
  notificationOf,
  type EventRequest,
  type RelatedObject,
  type SnapshotEvent,
  type ThinEvent,
} from './core-event.js';
import { modePrefix } from './ids.js';
import type { Call } from './route.js';
import type { World } from './world.js';

/** When and by whom something changed. */
export interface Occasion {
  /** Virtual unix milliseconds; for what time does, when it was due. */
  atMs: number;
  request: EventRequest;
}

export function occasionOf(world: World, { requestId, idempotencyKey }: Call): Occasion {
  const request = { id: requestId, idempotency_key: idempotencyKey };
  return { atMs: world.clock.nowMs(), request };
}

export interface Change {
  type: string;
  /** Copied as it is now. */
  object: { id: string; object: string };
  previous?: object;
  /** Called once all endpoints that want the event have answered 2xx; not at all if none wants it. */
  onAnswered?: (atMs: number) => void;
}

/** Records one change as a classic event and its thin twin, and hands both to the endpoints. */
export function emit(world: World, account: Account, occasion: Occasion, change: Change): void {
  record(world, account, occasion, change);
  if (!world.webhooks.draw(world.switches.webhookTwinEvents)) return;
  // Stripe at times makes two event objects of one change; only the first holds an invoice.
  const { onAnswered: _onAnswered, ...again } = change;
  record(world, account, occasion, again);
}

/** Sends a thin event that has no classic twin. */
export function emitThin(world: World, account: Account, event: ThinEvent, atMs: number): void {
  account.coreEvents.addThin(event, atMs);
  const { id: eventId, type } = event;
  const content = notificationOf(event);
  world.webhooks.enqueue(account, {
    eventId,
    type,
    payload: 'thin',
    content,
    account: account.id,
    atMs,
  });
}

function record(world: World, account: Account, occasion: Occasion, change: Change): void {
  const { atMs } = occasion;
  const { type, onAnswered } = change;
  const event = snapshotOf(world, account, occasion, change);
  account.coreEvents.addSnapshot(event, atMs);
  world.webhooks.enqueue(account, {
    eventId: event.id,
    type,
    payload: 'snapshot',
    content: event,
    account: account.id,
    atMs,
    ...(onAnswered && { onAnswered }),
  });
  emitThin(world, account, thinTwinOf(world, account, event, change, atMs), atMs);
}

function snapshotOf(
  world: World,
  account: Account,
  { atMs, request }: Occasion,
  { type, object, previous }: Change,
): SnapshotEvent {
  return {
    id: world.newId('evt_'),
    object: 'event',
    api_version: API_VERSION,
    created: Math.floor(atMs / 1000),
    data: { object: structuredClone(object), ...(previous && { previous_attributes: previous }) },
    livemode: account.livemode,
    pending_webhooks: world.webhooks.wanting(account, 'snapshot', type).length,
    request,
    type,
  };
}

function thinTwinOf(
  world: World,
  account: Account,
  event: SnapshotEvent,
  { type, object }: Change,
  atMs: number,
): ThinEvent {
  return {
    id: thinEventId(world, account),
    object: 'v2.core.event',
    type: `v1.${type}`,
    livemode: account.livemode,
    created: new Date(atMs).toISOString(),
    context: null,
    reason: null,
    related_object: relatedTo(object),
    snapshot_event: event.id,
  };
}

export function thinEventId(world: World, account: Account): string {
  return world.newId(modePrefix('evt_', account.livemode), 40);
}

const URLS: Readonly<Record<string, string>> = {
  customer: '/v1/customers',
  invoice: '/v1/invoices',
  subscription: '/v1/subscriptions',
  price: '/v1/prices',
  product: '/v1/products',
  'billing.meter': '/v1/billing/meters',
};

function relatedTo({ id, object }: Change['object']): RelatedObject {
  return { id, type: object, url: `${URLS[object] ?? `/v1/${object}s`}/${id}` };
}

/** What of an object a change touched, with the values from before, as `previous_attributes`. */
export function previousOf(before: object, after: object): object {
  const now = after as Readonly<Record<string, unknown>>;
  const touched = Object.entries(before).filter(
    ([name, value]) => JSON.stringify(value) !== JSON.stringify(now[name]),
  );
  return Object.fromEntries(touched);
}
