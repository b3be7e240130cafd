import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises';
import type { Account } from './account.js';
import { errorResponse, jsonResponse, type Api, type ApiResponse } from './api-response.js';
import { ApiError, internalError } from './errors.js';
import type { FaultOf } from './fault-kinds.js';
import type { RequestFacts } from './fault-match.js';
import type { KeyClaim, KeyedRequest, StoredAnswer } from './idempotency.js';
import { InFlight } from './in-flight.js';
import type { Plan } from './route.js';
import type { World } from './world.js';

/** A request whose parameters are in order. */
export interface Work {
  account: Account;
  api: Api;
  plan: Plan;
  facts: RequestFacts;
  /** Null without an idempotency key, and where Stripe ignores one. */
  keyed: KeyedRequest | null;
}

/** `hang` and `reset`: the client gets no byte, or a closed connection. */
export type Outcome = ApiResponse | 'hang' | 'reset';

/** Executes under idempotency keys: at once, or long after the client has heard nothing. */
export class Execution {
  readonly #inFlight = new InFlight();

  constructor(private readonly world: World) {}

  async run(work: Work): Promise<Outcome> {
    const pruned = work.facts.method === 'POST' ? this.world.faults.take('key', work.facts) : null;
    if (pruned) forget(work, pruned);
    const begun = work.keyed && this.#begin(work, work.keyed);
    if (begun && isStored(begun)) {
      await this.#hold(work.facts);
      return replayOf(begun);
    }
    try {
      return await this.#execute(work, begun);
    } catch (error) {
      begun?.abandon();
      throw error;
    } finally {
      if (pruned) forget(work, pruned);
    }
  }

  #begin({ account, api }: Work, keyed: KeyedRequest): KeyClaim | StoredAnswer {
    const { clock, switches } = this.world;
    return account.idempotencyKeys[api].begin(keyed, clock.nowMs(), switches);
  }

  /** Holds the lane until the answer is ready. */
  async #execute(work: Work, claim: KeyClaim | null): Promise<Outcome> {
    const { faults, switches } = this.world;
    const { api, facts } = work;
    const leave = this.#inFlight.enter(work.plan.lane, switches.concurrentSameCustomer);
    try {
      const { processingMs } = switches;
      // Without at least one turn of the event loop no two requests would ever be in flight.
      await (processingMs > 0 ? pause(processingMs, undefined, { ref: false }) : nextTurn());
      const fault = faults.take('execution', facts);
      if (fault?.kind === 'lateCommit') {
        this.#commitLater(work, claim, fault);
        return fault.answer;
      }
      const happened = fault?.kind === '500BeforeCommit' ? null : this.#commit(work);
      const answered = fault || !happened ? errorResponse(internalError(), api) : happened;
      await this.#hold(facts);
      claim?.store(answered, happened);
      return answered;
    } finally {
      leave();
    }
  }

  /** Errors of the plan itself become answers. */
  #commit({ plan, facts, api }: Work): ApiResponse {
    const skew = this.world.faults.take('clock', facts);
    const skewMs = skew ? skew.seconds * 1000 : 0;
    return this.world.clock.skewed(skewMs, () => responseOf(plan, api));
  }

  #commitLater(work: Work, claim: KeyClaim | null, fault: FaultOf<'lateCommit'>): void {
    const isOvertakable = fault.key === 'free';
    if (isOvertakable) claim?.abandon();
    this.world.clock.at(this.world.clock.nowMs() + fault.afterMs, () => {
      const current = isOvertakable ? this.#beginLate(work) : claim;
      if (current && isStored(current)) return;
      const response = this.#commit(work);
      current?.store(response, response);
    });
  }

  /** What meets another answer, or another request, under its key ends there. */
  #beginLate(work: Work): KeyClaim | StoredAnswer | null {
    if (!work.keyed) return null;
    try {
      return this.#begin(work, work.keyed);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      const response = errorResponse(error, work.api);
      return { originalRequestId: work.keyed.requestId, response };
    }
  }

  async #hold(facts: RequestFacts): Promise<void> {
    const fault = this.world.faults.take('hold', facts);
    if (fault) await pause(fault.ms, undefined, { ref: false });
  }
}

function forget({ account, api, keyed, facts }: Work, { identifier }: FaultOf<'prunedKey'>): void {
  if (keyed) account.idempotencyKeys[api].forget(keyed.key);
  if (identifier !== 'forgotten') return;
  for (const event of facts.events) {
    if (event.identifier !== null) account.identifiers.forget(event.identifier);
  }
}

function isStored(begun: KeyClaim | StoredAnswer): begun is StoredAnswer {
  return 'response' in begun;
}

function responseOf(plan: Plan, api: Api): ApiResponse {
  try {
    return jsonResponse(200, plan.execute());
  } catch (error) {
    if (error instanceof ApiError) return errorResponse(error, api);
    throw error;
  }
}

function replayOf({ response, originalRequestId }: StoredAnswer): ApiResponse {
  const replayed = { 'Idempotent-Replayed': 'true', 'Original-Request': originalRequestId };
  return { ...response, headers: { ...response.headers, ...replayed } };
}
