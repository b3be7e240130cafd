import type { SeededRandom } from '../test/races/seeded-random.js';
import type { StormWorld } from './storm-world.js';
import {
  changeMode,
  goLive,
  killAll,
  remapCustomer,
  remapMeter,
  restartAll,
  switchStripeMeter,
  writeForeign,
} from './step-changes.js';
import { armFaults } from './step-faults.js';
import { recordUsage } from './step-usage.js';
import { killStalled, takeTurns, turnsOfAll } from './step-turns.js';

/** One thing that may happen in a history. */
interface Step {
  readonly name: string;
  /** How often, against the others. */
  readonly weight: number;
  /** Whether it can happen now. */
  readonly when?: (world: StormWorld) => boolean;
  readonly run: (world: StormWorld) => Promise<void>;
}

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const STEPS: readonly Step[] = [
  { name: 'usage', weight: 14, run: recordUsage },
  { name: 'turns', weight: 24, run: takeTurns },
  { name: 'flush', weight: 8, run: flush },
  { name: 'close', weight: 1, run: closeAll },
  { name: 'minutes', weight: 8, run: (world) => wait(world, world.random.whole(5, 20 * MINUTE)) },
  { name: 'hours', weight: 3, run: (world) => wait(world, world.random.whole(HOUR, 8 * HOUR)) },
  { name: 'a day and more', weight: 1.2, run: (world) => wait(world, 25 * HOUR) },
  { name: 'weeks', weight: 0.15, run: (world) => wait(world, 36 * DAY) },
  { name: 'remap customer', weight: 1, when: hasChanges, run: remapCustomer },
  { name: 'remap meter', weight: 0.7, when: hasChanges, run: remapMeter },
  { name: 'change mode', weight: 0.8, when: hasChanges, run: changeMode },
  { name: 'switch Stripe meter', weight: 0.5, when: hasChanges, run: switchStripeMeter },
  { name: 'go live', weight: 0.3, when: canGoLive, run: goLive },
  { name: 'restart all', weight: 0.5, run: (world) => restartAll(world) },
  { name: 'kill all', weight: 0.5, run: killAll },
  { name: 'foreign usage', weight: 2, when: isForeign, run: writeForeign },
  { name: 'Stripe goes away', weight: 1, when: (world) => !world.reach.isAway, run: goAway },
  { name: 'Stripe comes back', weight: 6, when: (world) => world.reach.isAway, run: comeBack },
];

function hasChanges({ scenery }: StormWorld): boolean {
  return scenery.hasChanges;
}

function canGoLive({ scenery, mode }: StormWorld): boolean {
  return scenery.hasChanges && mode === 'test';
}

function isForeign({ scenery, reach }: StormWorld): boolean {
  return scenery.hasForeignWriter && !reach.isAway;
}

/** Takes one step; a few seconds pass with each. */
export async function step(world: StormWorld): Promise<void> {
  const chosen = draw(world.random, world);
  world.trace.add(chosen.name);
  world.figures.add(`steps: ${chosen.name}`);
  armFaults(world);
  await chosen.run(world);
  await world.clock.advance(world.random.whole(1, 5));
  await world.simulator.deliverDue();
}

function draw(random: SeededRandom, world: StormWorld): Step {
  const possible = STEPS.filter(({ when }) => when?.(world) ?? true);
  const weightOf = ({ name, weight }: Step): number => world.scenery.weights[name] ?? weight;
  let left = random.fraction() * possible.reduce((sum, each) => sum + weightOf(each), 0);
  return possible.find((each) => (left -= weightOf(each)) < 0) ?? possible[0]!;
}

async function wait(world: StormWorld, seconds: number): Promise<void> {
  // Nobody can call back what a process sends that stood still in front of its call for a day.
  if (seconds > HOUR) killStalled(world);
  world.trace.add(`  ${seconds} s pass`);
  await world.clock.advance(seconds);
}

/** Has what is open planned and pushed at once, as a command does. */
async function flush(world: StormWorld): Promise<void> {
  const [process = world.startProcess()] = world.processes;
  await process.interval.planNow(world.tenantId);
  await turnsOfAll(world);
}

async function closeAll(world: StormWorld): Promise<void> {
  const [process = world.startProcess()] = world.processes;
  await process.close();
  await takeTurns(world);
}

async function goAway(world: StormWorld): Promise<void> {
  world.setAway(true);
  await takeTurns(world);
}

async function comeBack(world: StormWorld): Promise<void> {
  world.setAway(false);
  await takeTurns(world);
}
