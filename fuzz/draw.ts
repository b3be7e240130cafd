import fc from 'fast-check';
import { httpPlans } from './generate/http-plans.js';
import type { OpenApi } from './generate/operations.js';
import { rawPlans } from './generate/raw-plans.js';
import type { Plan } from './plan.js';

/** Drawn together: a generator warms up, and a seed says which of them it is. */
const CHUNK = 100;
const STEP = 0x9e3779b1;

/** The requests of a seed, by number. */
export class Drawn {
  private readonly plans: fc.Arbitrary<Plan>;
  private at = -1;
  private chunk: readonly Plan[] = [];

  constructor(
    document: OpenApi,
    private readonly seed: number,
  ) {
    this.plans = fc.oneof<fc.Arbitrary<Plan>[]>(
      { weight: 96, arbitrary: httpPlans(document) } as never,
      { weight: 4, arbitrary: rawPlans } as never,
    );
  }

  plan(request: number): Plan {
    const chunk = Math.floor(request / CHUNK);
    if (chunk !== this.at) {
      this.chunk = fc.sample(this.plans, { seed: this.seedOf(chunk), numRuns: CHUNK });
      this.at = chunk;
    }
    return this.chunk[request % CHUNK]!;
  }

  /**
   * Looks for a smaller request that shows the same.
   *
   * @param isGood Sends it, and says that it shows nothing.
   */
  async shrink(
    request: number,
    isGood: (plan: Plan) => Promise<boolean>,
    limitMs: number,
  ): Promise<Plan | undefined> {
    const found = await fc.check(fc.asyncProperty(this.plans, isGood), {
      seed: this.seedOf(Math.floor(request / CHUNK)),
      path: String(request % CHUNK),
      numRuns: 1,
      interruptAfterTimeLimit: limitMs,
    });
    return found.counterexample?.[0];
  }

  private seedOf(chunk: number): number {
    return (this.seed + Math.imul(chunk, STEP)) | 0;
  }
}
