import { UNSETTLED } from './checks/unsettled.js';
import { recordForAll } from './step-usage.js';
import { release, turnOfOne } from './step-turns.js';
import type { StormWorld } from './storm-world.js';

const ROUNDS = 8;
const ROUND_S = 400;
/** After that, nothing that is unknown is sent again, and all is read. */
const READ_AFTER_S = 24 * 3_600;
/** How often reading gets its time. */
const DAYS = 5;

/** Faults end, Stripe is there, and time enough passes for all to come to rest. */
export async function becomeQuiet(world: StormWorld): Promise<void> {
  world.trace.add('quiet');
  world.simulator.clearFaults();
  world.setAway(false);
  await release(world);
  // One that does all is enough, and quicker.
  await Promise.all(world.processes.splice(1).map((process) => process.end()));
  await settleDown(world);
  for (let day = 0; day < DAYS && (await unsettled(world)) > 0; day++) {
    world.trace.add('a day later');
    await world.clock.advance(READ_AFTER_S);
    await repair(world);
    await settleDown(world);
  }
  await world.endProcesses();
}

/** What an operator does who is told of a drift. */
async function repair(world: StormWorld): Promise<void> {
  if (world.variant.without?.includes('reconcile') === true) return;
  const [process = world.startProcess()] = world.processes;
  const lanes = await process.repair();
  if (lanes > 0) world.trace.add(`  ${lanes} lanes repaired`);
  world.figures.add('lanes repaired', lanes);
}

/** Something new is pushed on the way: what Stripe shows of it tells how far Stripe has come. */
async function settleDown(world: StormWorld): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    await world.clock.advance(ROUND_S);
    const [process = world.startProcess()] = world.processes;
    if (round === 0) await process.close();
    if (round < 2) await recordForAll(world, process);
    await process.interval.planNow(world.tenantId);
    await turnOfOne(world);
    await world.simulator.deliverDue();
    await turnOfOne(world);
  }
}

async function unsettled({ admin, simulator, mode }: StormWorld): Promise<number> {
  const { rows } = await admin.query<{ count: string }>(UNSETTLED, [mode === 'live']);
  const refused = simulator.rejections().map(({ identifier }) => identifier);
  const { rows: believed } = await admin.query(
    `SELECT FROM push WHERE identifier = ANY ($1) AND status IN ('delivered', 'confirmed')
        AND livemode = $2`,
    [refused, mode === 'live'],
  );
  return Number(rows[0]!.count) + believed.length;
}
