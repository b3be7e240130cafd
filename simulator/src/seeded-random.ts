/** Draws evenly from 0 (included) to 1 (excluded). */
export type Random = () => number;

/** Mulberry32: the same seed gives the same draws. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A stream of draws of its own for each purpose, so that one more draw here moves none there. */
export function randomFor(seed: number, purpose: string): Random {
  let hash = 0x811c9dc5 ^ seed;
  // FNV-1a.
  for (let index = 0; index < purpose.length; index += 1) {
    hash = Math.imul(hash ^ purpose.charCodeAt(index), 0x01000193);
  }
  return seededRandom(hash);
}

/** Milliseconds, or a range of them from which each use draws evenly. */
export type Duration = number | { minMs: number; maxMs: number };

export function drawMs(duration: Duration, random: Random): number {
  if (typeof duration === 'number') return duration;
  return duration.minMs + Math.floor(random() * (duration.maxMs - duration.minMs + 1));
}
