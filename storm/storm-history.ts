import { SeededRandom } from '../test/races/seeded-random.js';
import { checkHistory } from './checks/check-history.js';
import { becomeQuiet } from './quiet.js';
import { drawScenery, type Scenery } from './scenery.js';
import { countFaults } from './step-faults.js';
import { settle } from './step-usage.js';
import { step } from './steps.js';
import type { StormServer } from './storm-server.js';
import { StormWorld } from './storm-world.js';
import { OURS, type Variant } from './variants.js';

export interface HistoryResult {
  readonly seed: number;
  /** What does not hold, in words; nothing where all does. */
  readonly findings: readonly string[];
  readonly trace: readonly string[];
  readonly figures: Readonly<Record<string, number>>;
}

export interface HistoryOptions {
  readonly variant?: Variant;
  /** Changes what the seed drew. */
  readonly scenery?: (drawn: Scenery) => Scenery;
}

/** Plays one whole history of pushing, lets it come to rest, and checks it. */
export async function runHistory(
  server: Pick<StormServer, 'url' | 'template'>,
  seed: number,
  { variant = OURS, scenery = (drawn) => drawn }: HistoryOptions = {},
): Promise<HistoryResult> {
  const random = new SeededRandom(seed);
  const realRandom = Math.random;
  // The jitter of back-offs comes back with the seed as well.
  const jitter = new SeededRandom(seed);
  Math.random = () => jitter.fraction();
  const world = await StormWorld.open(server, scenery(drawScenery(random)), random, variant);
  const findings: string[] = [];
  try {
    world.trace.add(JSON.stringify(world.scenery));
    await settle(world);
    for (let taken = 0; taken < world.scenery.steps; taken++) await step(world);
    countFaults(world);
    await becomeQuiet(world);
    findings.push(...(await checkHistory(world)));
  } catch (error) {
    findings.push(`the history broke off: ${error instanceof Error ? error.stack : String(error)}`);
  } finally {
    Math.random = realRandom;
    await world[Symbol.asyncDispose]();
  }
  return { seed, findings, trace: world.trace.lines, figures: world.figures.toJSON() };
}
