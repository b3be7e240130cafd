import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises';
import type { Account } from './account.js';
import { errorResponse, jsonResponse, type ApiResponse } from './api-response.js';
import { ApiError, internalError, rateLimited, unavailable, unrecognizedUrl } from './errors.js';
import { requestFacts, type RequestFacts } from './fault-match.js';
import type { Faults } from './faults.js';
import type { FormObject } from './form-decoding.js';
import { requestFingerprint, type KeyClaim, type StoredAnswer } from './idempotency.js';
import { InFlight } from './in-flight.js';
import { METER_EVENTS_PATH } from './meter-events.js';
import { Parameters } from './parameters.js';
import type { RateLimiter } from './rate-limit.js';
import { matchRoute, type Plan, type Route } from './route.js';
import type { World } from './world.js';

export interface ApiRequest {
  requestId: string;
  method: string;
  path: string;
  form: FormObject;
  authorization: string | undefined;
  idempotencyKey: string | null;
}

/** Null stands for a connection that closes without a byte. */
export type Answer = ApiResponse | null;

/**
 * The way of a request: authentication, arrival faults, rate limit, parameters, idempotency,
 * execution, storing, answer. Whatever throws before execution is not stored under the key.
 */
export class Pipeline {
  readonly #inFlight = new InFlight();

  constructor(
    private readonly world: World,
    private readonly routes: readonly Route[],
    private readonly rateLimiter: RateLimiter,
    private readonly faults: Faults,
  ) {}

  async answer(request: ApiRequest): Promise<Answer> {
    try {
      return await this.#process(request);
    } catch (error) {
      if (error instanceof ApiError) return errorResponse(error);
      throw error;
    }
  }

  async #process(request: ApiRequest): Promise<Answer> {
    const { requestId, method, path, form, idempotencyKey } = request;
    const account = this.world.accounts.authenticate(request.authorization);
    const facts = requestFacts(method, path, form, idempotencyKey, account.id);
    const isMeterEvent = method === 'POST' && path === METER_EVENTS_PATH;
    if (isMeterEvent) account.attempts.note(facts.identifier, idempotencyKey);

    const arrivalFault = this.faults.take('arrival', facts)?.kind;
    if (arrivalFault === 'resetBefore') return null;
    if (arrivalFault === '503') throw unavailable();
    if (arrivalFault === '429Burst') throw rateLimited('endpoint-rate');

    const match = matchRoute(this.routes, method, path);
    const endpoint = match ? `${method} ${match.route.path}` : 'unrecognized';
    this.rateLimiter.admit(account, endpoint, isMeterEvent);
    if (!match) throw unrecognizedUrl(method, path);

    const parameters = new Parameters(form);
    const { pathId } = match;
    const plan = match.route.plan({ account, parameters, pathId, requestId, idempotencyKey });
    const response =
      method === 'POST' && idempotencyKey !== null
        ? await this.#executeUnderKey(account, request, idempotencyKey, plan, facts)
        : await this.#execute(plan, facts);
    return this.faults.take('answer', facts) ? null : response;
  }

  async #executeUnderKey(
    account: Account,
    { requestId, method, path, form }: ApiRequest,
    key: string,
    plan: Plan,
    facts: RequestFacts,
  ): Promise<ApiResponse> {
    const { clock, switches } = this.world;
    const fingerprint = requestFingerprint(method, path, form);
    const keyed = { key, requestId, fingerprint };
    const begun = account.idempotencyKeys.begin(keyed, clock.nowMs(), switches);
    if (isStored(begun)) {
      await this.#hold(facts);
      return replayOf(begun);
    }
    try {
      const response = await this.#execute(plan, facts);
      begun.store(response);
      return response;
    } catch (error) {
      begun.abandon();
      throw error;
    }
  }

  /** Holds the lane until the answer is ready. Errors of the plan itself become answers. */
  async #execute(plan: Plan, facts: RequestFacts): Promise<ApiResponse> {
    const { concurrentSameCustomer, processingMs } = this.world.switches;
    const leave = this.#inFlight.enter(plan.lane, concurrentSameCustomer);
    try {
      // Without at least one turn of the event loop no two requests would ever be in flight.
      await (processingMs > 0 ? pause(processingMs, undefined, { ref: false }) : nextTurn());
      const fault = this.faults.take('execution', facts)?.kind;
      const response =
        fault === '500BeforeCommit' ? errorResponse(internalError()) : responseOf(plan);
      await this.#hold(facts);
      return fault === '500AfterCommit' ? errorResponse(internalError()) : response;
    } finally {
      leave();
    }
  }

  async #hold(facts: RequestFacts): Promise<void> {
    const fault = this.faults.take('hold', facts);
    if (fault?.kind === 'slow') await pause(fault.ms, undefined, { ref: false });
  }
}

function isStored(begun: KeyClaim | StoredAnswer): begun is StoredAnswer {
  return 'response' in begun;
}

function responseOf(plan: Plan): ApiResponse {
  try {
    return jsonResponse(200, plan.execute());
  } catch (error) {
    if (error instanceof ApiError) return errorResponse(error);
    throw error;
  }
}

function replayOf({ response, originalRequestId }: StoredAnswer): ApiResponse {
  const replayed = { 'Idempotent-Replayed': 'true', 'Original-Request': originalRequestId };
  return { ...response, headers: { ...response.headers, ...replayed } };
}
