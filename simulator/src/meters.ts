import type { Account } from './account.js';
import { emit, occasionOf, previousOf } from './core-event-emit.js';
import { ApiError, noSuch } from './errors.js';
import { modePrefix } from './ids.js';
import { listOf, readPage } from './lists.js';
import { EVENT_TIME_WINDOWS, FORMULAS, type Meter } from './meter.js';
import type { Parameters } from './parameters.js';
import type { Call, Plan, Route } from './route.js';
import type { World } from './world.js';

const EVENT_NAME_LENGTH_MAX = 100;
const DISPLAY_NAME_LENGTH_MAX = 250;

export function meterRoutes(world: World): Route[] {
  const path = '/v1/billing/meters';
  return [
    { method: 'POST', path, plan: (call) => planCreate(world, call) },
    { method: 'GET', path, plan: (call) => planList(call, path) },
    { method: 'GET', path: `${path}/:id`, plan: (call) => planChange(call, (meter) => meter) },
    { method: 'POST', path: `${path}/:id`, plan: (call) => planUpdate(world, call) },
    {
      method: 'POST',
      path: `${path}/:id/deactivate`,
      plan: (call) => planTold(world, call, 'billing.meter.deactivated', deactivate),
    },
    {
      method: 'POST',
      path: `${path}/:id/reactivate`,
      plan: (call) => planTold(world, call, 'billing.meter.reactivated', reactivate),
    },
  ];
}

/** The meter of the path, or Stripe's 404. */
export function meterOf(account: Account, id: string): Meter {
  const meter = account.meters.get(id);
  if (!meter) throw noSuch('billing meter', id, 'id', 404);
  return meter;
}

function planCreate(world: World, call: Call): Plan {
  const { account, parameters } = call;
  const wanted = readMeter(parameters);
  return {
    lane: null,
    execute: () => {
      const { event_name: eventName } = wanted;
      const holder = account.metersByEventName.get(eventName);
      // An inactive meter still holds its event name.
      if (holder) {
        const message = `A meter with event name '${eventName}' already exists (${holder.id}).`;
        throw new ApiError(400, message, { param: 'event_name' });
      }
      const now = world.clock.nowSeconds();
      const meter: Meter = {
        id: world.newId(modePrefix('mtr_', account.livemode)),
        object: 'billing.meter',
        created: now,
        ...wanted,
        livemode: account.livemode,
        status: 'active',
        status_transitions: { deactivated_at: null },
        updated: now,
      };
      account.meters.set(meter.id, meter);
      account.metersByEventName.set(eventName, meter);
      const change = { type: 'billing.meter.created', object: meter };
      emit(world, account, occasionOf(world, call), change);
      return meter;
    },
  };
}

function readMeter(parameters: Parameters) {
  const aggregation = parameters.requiredObject('default_aggregation');
  const formula = aggregation.requiredOneOf('formula', FORMULAS);
  aggregation.end();
  const displayName = parameters.requiredText('display_name', DISPLAY_NAME_LENGTH_MAX);
  const eventName = parameters.requiredText('event_name', EVENT_NAME_LENGTH_MAX);
  const mapping = parameters.object('customer_mapping');
  const customerKey = mapping?.requiredText('event_payload_key', EVENT_NAME_LENGTH_MAX);
  mapping?.requiredOneOf('type', ['by_id']);
  mapping?.end();
  const values = parameters.object('value_settings');
  const valueKey = values?.requiredText('event_payload_key', EVENT_NAME_LENGTH_MAX);
  values?.end();
  const window = parameters.oneOf('event_time_window', EVENT_TIME_WINDOWS);
  parameters.end();
  return {
    customer_mapping: {
      event_payload_key: customerKey ?? 'stripe_customer_id',
      type: 'by_id' as const,
    },
    default_aggregation: { formula },
    display_name: displayName,
    event_name: eventName,
    event_time_window: window ?? null,
    value_settings: { event_payload_key: valueKey ?? 'value' },
  };
}

function planList({ account, parameters }: Call, url: string): Plan {
  const page = readPage(parameters);
  const status = parameters.oneOf('status', ['active', 'inactive'] as const);
  parameters.end();
  return {
    lane: null,
    execute: () => {
      const newestFirst = [...account.meters.values()].reverse();
      const meters = newestFirst.filter((meter) => !status || meter.status === status);
      return listOf('billing meter', url, meters, page);
    },
  };
}

/** The display name is the only thing about a meter that can change. */
function planUpdate(world: World, call: Call): Plan {
  const displayName = call.parameters.text('display_name', DISPLAY_NAME_LENGTH_MAX);
  return planTold(world, call, 'billing.meter.updated', (meter, now) => {
    if (displayName === undefined) return meter;
    meter.display_name = displayName;
    meter.updated = now;
    return meter;
  });
}

/** A change, with an event when there was something to change. */
function planTold(
  world: World,
  call: Call,
  type: string,
  change: (meter: Meter, now: number) => Meter,
): Plan {
  return planChange(call, (meter) => {
    const before = structuredClone(meter);
    change(meter, world.clock.nowSeconds());
    const previous = previousOf(before, meter);
    if (Object.keys(previous).length === 0) return meter;
    emit(world, call.account, occasionOf(world, call), { type, object: meter, previous });
    return meter;
  });
}

function planChange({ account, parameters, pathId }: Call, change: (meter: Meter) => Meter): Plan {
  parameters.end();
  return { lane: null, execute: () => change(meterOf(account, pathId)) };
}

function deactivate(meter: Meter, now: number): Meter {
  if (meter.status === 'inactive') return meter;
  meter.status = 'inactive';
  meter.status_transitions.deactivated_at = now;
  meter.updated = now;
  return meter;
}

function reactivate(meter: Meter, now: number): Meter {
  if (meter.status === 'active') return meter;
  meter.status = 'active';
  meter.status_transitions.deactivated_at = null;
  meter.updated = now;
  return meter;
}
