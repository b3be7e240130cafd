import type { UsageEvent } from '../src/domain/usage-event.js';
import type { StormProcess } from './storm-process.js';
import type { StormWorld } from './storm-world.js';

const HOUR_MICROS = 3_600_000_000;

/** A few events of any customer, most of these hours, some of days ago. */
export async function recordUsage(world: StormWorld): Promise<void> {
  const { random, tenantId } = world;
  const [process = world.startProcess()] = random.shuffle(world.processes);
  const events = Array.from({ length: random.whole(1, 6) }, () => anEvent(world));
  const verdicts = await process.recorder.record(tenantId, events, { mayAdjust: true });
  const accepted = verdicts.filter(({ status }) => status === 'accepted').length;
  world.figures.add('usage events accepted', accepted);
  world.figures.add('usage events not accepted', events.length - accepted);
  const told = events.map((event) => `${event.customerId}/${event.meter} ${event.quantity}`);
  world.trace.add(`  recorded ${accepted}: ${told.join(', ')}`);
}

/** One unit now for each customer and meter. */
export async function recordForAll(world: StormWorld, process: StormProcess): Promise<void> {
  const { scenery, tenantId, clock } = world;
  const events = scenery.meters.flatMap(({ key }) =>
    Array.from({ length: scenery.customers }, (_, number) => ({
      ...anEvent(world),
      customerId: `customer_${number}`,
      meter: key,
      quantity: '1',
      occurredAt: clock.nowMs * 1_000,
    })),
  );
  await process.recorder.record(tenantId, events);
}

function anEvent(world: StormWorld): UsageEvent {
  const { random, clock, scenery } = world;
  const ageHours = random.pick([0, 0, 0, 0, 0.2, 0.5, 1, 3, 10, 30, 80]);
  const now = clock.nowMs * 1_000;
  return {
    usageEventId: `event-${(world.eventCount += 1)}`,
    source: '',
    customerId: `customer_${random.whole(0, scenery.customers - 1)}`,
    meter: random.pick(scenery.meters).key,
    quantity: aQuantity(world),
    occurredAt: now - Math.round(ageHours * HOUR_MICROS * random.fraction()),
    properties: { user: `user_${random.whole(1, 9)}` },
  };
}

function aQuantity({ random }: StormWorld): string {
  const whole = random.whole(1, 999);
  const kind = random.fraction();
  if (kind < 0.7) return String(whole);
  if (kind < 0.85) return `${whole}.${random.whole(1, 9)}`;
  if (kind < 0.93) return `-${whole}`;
  return `${random.whole(1, 999_999)}${random.whole(100_000, 999_999)}.${'0'.repeat(10)}${random.whole(1, 9)}`;
}

/** Makes the customers and meters of the scenery, ours and Stripe's. */
export async function settle(world: StormWorld): Promise<void> {
  const { scenery, tenantId } = world;
  const process = world.startProcess();
  await world.openDoor();
  for (const { key, aggregation, formula } of scenery.meters) {
    await world.makeStripeMeters(key, formula);
    await process.meters.put(tenantId, key, {
      aggregation,
      ...(aggregation === 'unique_count' && { unique_property: 'user' }),
      stripe_event_name: key,
    });
  }
  for (let number = 0; number < scenery.customers; number++) {
    await process.customers.put(tenantId, {
      customerId: `customer_${number}`,
      stripeCustomerId: `cus_${number}`,
      schedule: {
        interval: scenery.interval,
        intervalCount: 1,
        anchor: scenery.anchorMs * 1_000,
        timezone: 'UTC',
      },
    });
  }
}
