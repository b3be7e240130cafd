import type { Duty } from './duty.js';
import type { StormProcess } from './storm-process.js';
import type { StormWorld } from './storm-world.js';

const DUTIES: readonly Duty[] = ['push', 'fold', 'close', 'read', 'inbox', 'reconcile'];
/** Queries and calls of a turn, in which a process may die, are about as many. */
const MOMENTS_MAX = 45;

/** Some of the processes work at once; some do not survive it. */
export async function takeTurns(world: StormWorld): Promise<void> {
  const { random } = world;
  while (world.processes.length < world.scenery.workers) world.startProcess();
  const free = world.processes.filter((process) => !world.stalled.has(process));
  const chosen = random.shuffle(free).slice(0, random.whole(1, Math.max(1, free.length)));
  const turns = chosen.map((process) => {
    if (random.fraction() < world.scenery.killChance)
      process.life.dieAfter(random.whole(1, MOMENTS_MAX));
    return aTurn(world, process, random.shuffle(DUTIES));
  });
  await Promise.all(turns);
  buryTheDead(world);
  if (world.stalled.size > 0 && random.fraction() < 0.3) await release(world);
}

/** All work, and nothing happens to them. */
export async function turnsOfAll(world: StormWorld): Promise<void> {
  while (world.processes.length < world.scenery.workers) world.startProcess();
  const free = world.processes.filter((process) => !world.stalled.has(process));
  await Promise.all(free.map((process) => process.turn(DUTIES)));
  buryTheDead(world);
}

/** One does everything, and nothing happens to it. */
export async function turnOfOne(world: StormWorld): Promise<void> {
  const [process = world.startProcess()] = world.processes;
  await process.turn(DUTIES);
}

/** Those that stood still go on, whatever happened meanwhile. */
export async function release(world: StormWorld): Promise<void> {
  const stalled = [...world.stalled.values()];
  for (const { go } of stalled) go();
  await Promise.all(stalled.map(({ turn }) => turn));
  world.stalled.clear();
  buryTheDead(world);
}

export function killStalled(world: StormWorld): void {
  for (const { life } of world.stalled.keys()) life.kill();
  world.stalled.clear();
  buryTheDead(world);
}

async function aTurn(world: StormWorld, process: StormProcess, duties: Duty[]): Promise<void> {
  if (world.random.fraction() >= world.scenery.stallChance) return process.turn(duties);
  let go = (): void => undefined;
  const stall = process.stallNextCall(new Promise<void>((resolve) => (go = resolve)));
  const turn = process.turn(duties);
  const isStalled = await Promise.race([stall.then(() => true), turn.then(() => false)]);
  if (!isStalled) {
    process.stallNoCall();
    return;
  }
  world.trace.add(`  process ${process.number} stands still before its call`);
  world.figures.add('stalls');
  world.stalled.set(process, { turn, go });
}

function buryTheDead(world: StormWorld): void {
  for (const { life, number } of world.processes) {
    life.spare();
    if (!life.isOver) continue;
    world.trace.add(`  process ${number} died ${life.diedAt}`);
    world.figures.add(`kills ${life.diedAt.split(' ').slice(0, 2).join(' ')}`);
  }
  world.bury();
}
