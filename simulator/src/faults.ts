import {
  STAGES,
  toFault,
  type Fault,
  type FaultStage,
  type PlainFaultName,
} from './fault-kinds.js';
import { matchesFault, type FaultMatch, type RequestFacts } from './fault-match.js';
import { seededRandom } from './seeded-random.js';

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
  /** The simulator's own seed when absent. */
  seed?: number;
  fault: Fault | PlainFaultName;
}

const MEMBERS: readonly string[] = ['match', 'count', 'skip', 'probability', 'seed', 'fault'];

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

type FaultAt<Stage extends FaultStage> = Fault extends infer Any
  ? Any extends { kind: infer Name extends keyof typeof STAGES }
    ? (typeof STAGES)[Name] extends Stage
      ? Any
      : never
    : never
  : never;

/** The faults waiting for their requests. A fault counts only when it really happened. */
export class Faults {
  #armed: Armed[] = [];

  constructor(private readonly defaultSeed = 1) {}

  add(script: FaultScript): void {
    for (const name of Object.keys(script)) {
      if (!MEMBERS.includes(name)) throw new RangeError(`Unknown member of a fault: ${name}`);
    }
    const fault = toFault(script.fault);
    const { match = {}, count = 1, skip = 0, probability = 1, seed = this.defaultSeed } = script;
    for (const [name, amount] of Object.entries({ count, skip, probability, seed })) {
      if (!(amount >= 0)) throw new RangeError(`${name} must be a number, 0 or more`);
    }
    const random = seededRandom(seed);
    const draw = (): boolean => probability >= 1 || random() < probability;
    this.#armed.push({ match, fault, remaining: count, hits: 0, skip, draw });
  }

  /** The first fault of this stage that falls on the request, used up by one. */
  take<Stage extends FaultStage>(stage: Stage, facts: RequestFacts): FaultAt<Stage> | null {
    for (const armed of this.#armed) {
      if (armed.remaining < 1 || STAGES[armed.fault.kind] !== stage) continue;
      if (!matchesFault(armed.match, facts)) continue;
      if (armed.skip > 0) armed.skip -= 1;
      else if (armed.draw()) {
        armed.remaining -= 1;
        armed.hits += 1;
        return armed.fault as FaultAt<Stage>;
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
