import { matchesFault, type FaultMatch, type RequestFacts } from './fault-match.js';

/** Every fault that can be scripted, and the stage of a request at which it happens. */
const STAGES = {
  /** The connection closes before anything is done. */
  resetBefore: 'arrival',
  /** Nothing is done, nothing is stored. */
  '503': 'arrival',
  /** A rate limit refusal, whatever the buckets hold. */
  '429Burst': 'arrival',
  /** Nothing is done; the 500 is stored under the key. */
  '500BeforeCommit': 'execution',
  /** All is done; the 500 is stored under the key. */
  '500AfterCommit': 'execution',
  /** All is done at once, the answer comes after `ms` of real time. */
  slow: 'hold',
  /** All is done; the connection closes without a byte. */
  lostResponse: 'answer',
} as const;

export type FaultName = keyof typeof STAGES;
export type FaultStage = (typeof STAGES)[FaultName];
export type PlainFaultName = Exclude<FaultName, 'slow'>;
export type Fault = { kind: PlainFaultName } | { kind: 'slow'; ms: number };

/** A fault as a test orders it; the same shape as the body of `POST /_sim/faults`. */
export interface FaultScript {
  /** Which requests it falls on; every one when absent. */
  match?: FaultMatch;
  /** On how many of them; once when absent. */
  count?: number;
  /** How many matching requests go by untouched first. */
  skip?: number;
  /** Falls on each matching request with this chance, drawn from `seed`. */
  probability?: number;
  seed?: number;
  fault: Fault | PlainFaultName;
}

export interface ArmedFault {
  match: FaultMatch;
  fault: Fault;
  /** How many more requests it will fall on. */
  remaining: number;
  /** How many requests it fell on. */
  hits: number;
}

interface Armed extends ArmedFault {
  skip: number;
  /** Decides about one matching request. */
  draw: () => boolean;
}

/** The faults waiting for their requests. A fault counts only when it really happened. */
export class Faults {
  #armed: Armed[] = [];

  add(script: FaultScript): void {
    const fault = typeof script.fault === 'string' ? { kind: script.fault } : script.fault;
    const { kind } = fault;
    if (!Object.hasOwn(STAGES, kind)) throw new RangeError(`Unknown fault: ${kind}`);
    if (fault.kind === 'slow' && !(fault.ms >= 0)) throw new RangeError('slow needs ms, 0 or more');
    const { match = {}, count = 1, skip = 0, probability = 1, seed = 1 } = script;
    for (const [name, amount] of Object.entries({ count, skip, probability, seed })) {
      if (!(amount >= 0)) throw new RangeError(`${name} must be a number, 0 or more`);
    }
    const random = seededRandom(seed);
    const draw = (): boolean => probability >= 1 || random() < probability;
    this.#armed.push({ match, fault, remaining: count, hits: 0, skip, draw });
  }

  /** The first fault of this stage that falls on the request, used up by one. */
  take(stage: FaultStage, facts: RequestFacts): Fault | null {
    for (const armed of this.#armed) {
      if (armed.remaining < 1 || STAGES[armed.fault.kind] !== stage) continue;
      if (!matchesFault(armed.match, facts)) continue;
      if (armed.skip > 0) armed.skip -= 1;
      else if (armed.draw()) {
        armed.remaining -= 1;
        armed.hits += 1;
        return armed.fault;
      }
    }
    return null;
  }

  /** All scripts since the last clear, used up or not. */
  list(): ArmedFault[] {
    return this.#armed.map(({ match, fault, remaining, hits }) => ({
      match,
      fault,
      remaining,
      hits,
    }));
  }

  clear(): void {
    this.#armed = [];
  }
}

/** Mulberry32: the same seed gives the same faults on the same requests. */
function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
