import { Problem } from '../src/problem/problem.js';
import { release } from './step-turns.js';
import { KEYS, SECOND, type StormWorld } from './storm-world.js';

const HOUR_MS = 3_600_000;
const FROM = ['now', 'period_start', undefined] as const;
const MODES = ['off', 'shadow', 'live', 'live'] as const;

/** Another Stripe customer, one it had before, or none. */
export async function remapCustomer(world: StormWorld): Promise<void> {
  const { random } = world;
  const number = random.whole(0, world.scenery.customers - 1);
  const stripeCustomerId = random.pick([
    `cus_${number}`,
    `cus_${number}_b`,
    `cus_${number}_b`,
    `cus_${number}_c`,
    null,
  ]);
  const from = random.pick(FROM);
  await attempt(world, `customer_${number} to ${stripeCustomerId} from ${from}`, (process) =>
    process.customers.put(world.tenantId, {
      customerId: `customer_${number}`,
      stripeCustomerId,
      from,
    }),
  );
}

/** Another Stripe meter of the same formula, or none. */
export async function remapMeter(world: StormWorld): Promise<void> {
  const { random } = world;
  const { key } = random.pick(world.scenery.meters);
  const eventName = random.pick([key, `${key}${SECOND}`, `${key}${SECOND}`, null]);
  const from = random.pick(FROM);
  await attempt(world, `${key} to ${eventName} from ${from}`, (process) =>
    process.meters.put(world.tenantId, key, {
      stripe_event_name: eventName,
      ...(from !== undefined && { from }),
    }),
  );
}

export async function changeMode(world: StormWorld): Promise<void> {
  const { random, clock } = world;
  const push = random.pick(MODES);
  if (random.fraction() < 0.4) {
    const customerId = `customer_${random.whole(0, world.scenery.customers - 1)}`;
    const mode = random.pick([push, null]);
    await attempt(world, `${customerId} ${mode}`, (process) =>
      process.customers.put(world.tenantId, { customerId, push: mode }),
    );
    return;
  }
  const { key } = random.pick(world.scenery.meters);
  const hour = Math.floor(clock.nowMs / HOUR_MS) + random.pick([-30, -5, -1, 0, 1]);
  const pushFrom = new Date(hour * HOUR_MS).toISOString();
  const isCut = push === 'live' && random.fraction() < 0.7;
  await attempt(world, `${key} ${push}${isCut ? ` from ${pushFrom}` : ''}`, (process) =>
    process.meters.put(world.tenantId, key, { push, ...(isCut && { push_from: pushFrom }) }),
  );
}

/** At Stripe, somebody deactivates a meter, or brings it back. */
export async function switchStripeMeter(world: StormWorld): Promise<void> {
  const { random } = world;
  const list = (await world.stripe(KEYS[world.mode], '/v1/billing/meters?limit=100')) as
    { data: { id: string; event_name: string; status: string }[] } | undefined;
  if (list === undefined) return;
  const meter = random.pick(list.data);
  const action = meter.status === 'active' ? 'deactivate' : 'reactivate';
  world.trace.add(`  ${action} ${meter.event_name}`);
  await world.stripe(
    KEYS[world.mode],
    `/v1/billing/meters/${meter.id}/${action}`,
    new URLSearchParams(),
  );
}

export async function goLive(world: StormWorld): Promise<void> {
  await restartAll(world, 'live');
}

/** An orderly stop of everything, and a start, maybe with another key. */
export async function restartAll(world: StormWorld, mode = world.mode): Promise<void> {
  await release(world);
  await world.endProcesses();
  world.mode = mode;
}

/** Every process dies at once, as with the machine that they run on. */
export async function killAll(world: StormWorld): Promise<void> {
  for (const { life } of world.processes) life.kill();
  world.stalled.clear();
  world.bury();
}

/** Somebody else writes to the same meter, maybe into the minute of one of our pushes. */
export async function writeForeign(world: StormWorld): Promise<void> {
  const { random, scenery, clock } = world;
  const { rows } = await world.admin.query<{ at: number; customer: string; name: string }>(
    `SELECT extract(epoch FROM "timestamp")::float8 AS at, stripe_customer_id AS customer,
            event_name AS name FROM push WHERE NOT livemode ORDER BY created_at, identifier`,
  );
  const near = random.fraction() < 0.5 && rows.length > 0 ? random.pick(rows) : undefined;
  const timestamp = near?.at ?? Math.floor(clock.nowMs / 1_000) - random.whole(0, 7_200);
  const identifier = `foreign_${(world.eventCount += 1)}`;
  const body = new URLSearchParams({
    event_name: near?.name ?? random.pick(scenery.meters).key,
    identifier,
    timestamp: String(Math.floor(timestamp)),
    'payload[stripe_customer_id]': near?.customer ?? 'cus_0',
    'payload[value]': String(random.whole(1, 99)),
  });
  await world.stripe(KEYS.test, '/v1/billing/meter_events', body);
  world.trace.add(`  ${identifier} at ${new Date(timestamp * 1_000).toISOString()}`);
}

/** A change that the product may refuse. */
async function attempt(
  world: StormWorld,
  what: string,
  change: (process: StormWorld['processes'][number]) => Promise<unknown>,
): Promise<void> {
  const [process = world.startProcess()] = world.processes.filter((one) => !world.stalled.has(one));
  try {
    await change(process);
    world.trace.add(`  ${what}`);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    world.trace.add(`  ${what}: refused as ${error.code}`);
    world.figures.add(`refused: ${error.code}`);
  }
}
