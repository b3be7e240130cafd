import { Injectable, Logger } from '@nestjs/common';
import {
  BrokenCircuitError,
  circuitBreaker,
  CircuitState,
  ConsecutiveBreaker,
  DelegateBackoff,
  handleWhenResult,
  type CircuitBreakerPolicy,
} from 'cockatiel';
import { Metrics } from '../metrics/metrics.js';
import { nameOf, type AccountName } from './account-name.js';
import type { SendOutcome } from './push-target.js';

/** So many calls in a row without a sound answer are no accident. */
const FAILURES_MAX = 5;
/** How long nothing is called: doubles from the first to the longest. */
const FIRST_BREAK_MS = 1_000;
const BREAK_MAX_MS = 60_000;

/** What may be called: anything, one call that tries whether it goes again, or nothing. */
export type Passage = 'all' | 'one' | 'none';

interface Breaker {
  readonly policy: CircuitBreakerPolicy;
  /** When the next call may be tried, of `Date.now()`, by which the library goes as well. */
  tryAtMs: number;
}

/**
 * Leaves a Stripe account alone that does not answer soundly: one circuit breaker for each account
 * and mode. Each process goes by what it sees itself, so that one with a broken line stops alone.
 */
@Injectable()
export class StripeBreaker {
  private readonly logger = new Logger(StripeBreaker.name);
  private readonly breakers = new Map<string, Breaker>();

  constructor(private readonly metrics: Metrics) {}

  passage(account: AccountName): Passage {
    const { policy, tryAtMs } = this.breaker(account);
    if (policy.state === CircuitState.Closed) return 'all';
    return policy.state === CircuitState.Open && Date.now() >= tryAtMs ? 'one' : 'none';
  }

  /** @returns Nothing where the call was not made. */
  async pass(
    account: AccountName,
    call: () => Promise<SendOutcome>,
  ): Promise<SendOutcome | undefined> {
    try {
      return await this.breaker(account).policy.execute(call);
    } catch (error) {
      if (error instanceof BrokenCircuitError) return undefined;
      throw error;
    }
  }

  private breaker(account: AccountName): Breaker {
    const name = nameOf(account);
    let breaker = this.breakers.get(name);
    if (breaker === undefined) {
      breaker = this.newBreaker(name);
      this.breakers.set(name, breaker);
    }
    return breaker;
  }

  private newBreaker(name: string): Breaker {
    let breakMs = 0;
    const policy = circuitBreaker(
      handleWhenResult((outcome) => isOutage(outcome as SendOutcome)),
      {
        breaker: new ConsecutiveBreaker(FAILURES_MAX),
        halfOpenAfter: new DelegateBackoff(({ attempt }: { attempt: number }) => {
          breakMs = Math.min(FIRST_BREAK_MS * 2 ** (attempt - 1), BREAK_MAX_MS);
          return breakMs;
        }),
      },
    );
    const breaker: Breaker = { policy, tryAtMs: 0 };
    policy.onBreak(() => {
      breaker.tryAtMs = Date.now() + breakMs;
      this.logger.error(`${name}: Stripe gives no sound answers, no calls for ${breakMs} ms`);
    });
    policy.onReset(() => this.logger.log(`${name}: Stripe answers again`));
    policy.onStateChange(() => this.show());
    return breaker;
  }

  private show(): void {
    const states = [...this.breakers.values()].map(({ policy }) => policy.state);
    const count = (state: CircuitState): number => states.filter((one) => one === state).length;
    this.metrics.breakers.set({ state: 'open' }, count(CircuitState.Open));
    this.metrics.breakers.set({ state: 'half_open' }, count(CircuitState.HalfOpen));
    this.metrics.breakers.set({ state: 'closed' }, count(CircuitState.Closed));
  }
}

/** Nothing came back, or something that shows that Stripe does not work as it should. */
function isOutage(outcome: SendOutcome): boolean {
  return outcome.kind === 'unknown' || (outcome.kind === 'try_later' && outcome.isDown === true);
}
