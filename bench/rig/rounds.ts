import type { Measured } from './measured.js';
import type { Rig } from './rig.js';

/** A side of a comparison: measures once, for so many seconds. */
export type Side = (seconds: number) => Promise<Measured>;

/**
 * Warms all sides up, then measures them in turns, in the other order every second round: what the
 * machine does besides falls on all of them.
 *
 * @returns For each side its rounds.
 */
export async function inTurns<Name extends string>(
  rig: Rig,
  sides: Readonly<Record<Name, Side>>,
): Promise<Record<Name, Measured[]>> {
  const named = Object.entries(sides) as [Name, Side][];
  const { seconds, rounds } = rig.options;
  for (const [name, side] of named) {
    rig.say(`warming up ${name}`);
    await side(seconds / 2);
  }
  const measured = Object.fromEntries(named.map(([name]) => [name, [] as Measured[]]));
  for (let round = 1; round <= rounds; round++) {
    const inOrder = round % 2 === 1 ? named : named.toReversed();
    for (const [name, side] of inOrder) {
      await rig.postgres.checkpoint();
      const one = await side(seconds);
      measured[name]!.push(one);
      rig.say(`round ${round} of ${rounds}, ${name}: ${one.perSecond.toFixed(0)}/s`);
    }
  }
  return measured as Record<Name, Measured[]>;
}
