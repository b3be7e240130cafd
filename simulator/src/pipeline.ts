import { Arrival } from './arrival.js';
import type { ApiRequest } from './api-request.js';
import { apiOf, errorResponse, htmlResponse, type ApiResponse } from './api-response.js';
import { ApiError, unrecognizedUrl } from './errors.js';
import { Execution, type Outcome } from './execution.js';
import type { RequestFacts } from './fault-match.js';
import { requestFingerprint } from './idempotency.js';
import { Parameters } from './parameters.js';
import { limitOf, type RateLimiter } from './rate-limit.js';
import { matchRoute, type Route } from './route.js';
import type { Visit } from './visit.js';
import type { World } from './world.js';

/** `half`: only half of the body is sent, under its full length. */
export type Answer = { response: ApiResponse; half: boolean } | 'hang' | 'reset';

/**
 * The way of a request: authentication, arrival faults, rate limit, parameters, idempotency,
 * execution, storing, answer. Whatever throws before execution is not stored under the key.
 */
export class Pipeline {
  readonly #arrival: Arrival;
  readonly #execution: Execution;

  constructor(
    private readonly world: World,
    private readonly routes: readonly Route[],
    private readonly rateLimiter: RateLimiter,
  ) {
    this.#arrival = new Arrival(world);
    this.#execution = new Execution(world);
  }

  newRequestId(): string {
    return this.world.newId('req_', 14);
  }

  /** Unix milliseconds, virtual, for the header `Date`. */
  nowMs(): number {
    return this.world.clock.nowMs();
  }

  async answer(request: ApiRequest): Promise<Answer> {
    const api = apiOf(request.path);
    let visit: Visit;
    try {
      visit = this.#arrival.admit(request);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return this.world.outage.isOn() ? 'reset' : whole(errorResponse(error, api));
    }
    const answer = await this.#answerOf(request, visit);
    // To a client that hears nothing its request is in flight until it gives up.
    if (answer !== 'hang') visit.leave();
    return answer;
  }

  async #answerOf(request: ApiRequest, visit: Visit): Promise<Answer> {
    try {
      const { caller, facts } = visit;
      const refused = this.#arrival.refuse(request, caller, facts);
      if (refused === 'reset') return refused;
      if (refused) return whole(this.#withHeader(refused, facts));
      return this.#transmit(await this.#process(request, visit), facts);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      const response = errorResponse(error, apiOf(request.path));
      return whole(this.#withHeader(response, visit.facts));
    }
  }

  async #process(request: ApiRequest, { caller, facts }: Visit): Promise<Outcome> {
    const { requestId, method, path, form, idempotencyKey } = request;
    const match = matchRoute(this.routes, method, path);
    const endpoint = match ? `${method} ${match.route.path}` : 'unrecognized';
    this.rateLimiter.admit(caller.account, endpoint, limitOf(caller, method, path));
    if (!match) throw unrecognizedUrl(method, path);

    const parameters = new Parameters(form);
    const { pathId } = match;
    const plan = match.route.plan({
      ...caller,
      parameters,
      pathId,
      path,
      requestId,
      idempotencyKey,
    });
    const key = method === 'POST' ? idempotencyKey : null;
    const fingerprint = requestFingerprint(method, path, form);
    const { account } = caller;
    const keyed = key === null ? null : { key, requestId, fingerprint };
    return this.#execution.run({ account, api: apiOf(path), plan, facts, keyed });
  }

  /** What becomes of an outcome on its way to the client. */
  #transmit(outcome: Outcome, facts: RequestFacts): Answer {
    if (outcome === 'hang' || outcome === 'reset') return outcome;
    const fault = this.world.faults.take('answer', facts);
    if (fault?.kind === 'lostResponse') return 'reset';
    if (fault?.kind === 'htmlBody') return whole(htmlResponse(fault.status ?? 502));
    return { response: this.#withHeader(outcome, facts), half: fault?.kind === 'truncatedBody' };
  }

  #withHeader(response: ApiResponse, facts: RequestFacts): ApiResponse {
    const fault = this.world.faults.take('header', facts);
    if (!fault) return response;
    const headers = { ...response.headers, 'Stripe-Should-Retry': String(fault.value) };
    return { ...response, headers };
  }
}

function whole(response: ApiResponse): Answer {
  return { response, half: false };
}
