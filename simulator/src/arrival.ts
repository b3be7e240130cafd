import type { ApiRequest } from './api-request.js';
import { presentedKey, type Caller } from './accounts.js';
import { apiOf, htmlResponse, type ApiResponse } from './api-response.js';
import {
  ApiError,
  keyInUse,
  lockTimeout,
  rateLimited,
  tooManyConcurrent,
  unavailable,
} from './errors.js';
import { EVENT_PATHS, STREAM_PATH } from './event-paths.js';
import { eventFacts, type RequestFacts } from './fault-match.js';
import { requestFingerprint } from './idempotency.js';
import type { Visit } from './visit.js';
import type { World } from './world.js';

/** What happens to a request before its endpoint is looked up. */
export class Arrival {
  constructor(private readonly world: World) {}

  /** Finds out who sends, and writes down that it came. Throws a 401 or 403. */
  admit(request: ApiRequest): Visit {
    const { method, path, form, idempotencyKey } = request;
    const caller = this.#callerOf(request);
    const { account } = caller;
    const keyOf = (name: string) =>
      account.metersByEventName.get(name)?.customer_mapping.event_payload_key;
    const events = eventFacts(form, (name) => keyOf(name) ?? 'stripe_customer_id');
    const facts = { method, path, idempotency_key: idempotencyKey, account: account.id, events };
    if (method !== 'POST') return { caller, facts, leave: () => {} };

    if (idempotencyKey !== null) {
      const fingerprint = requestFingerprint(method, path, form);
      account.traffic.noteKey(apiOf(path), idempotencyKey, fingerprint);
    }
    if (!EVENT_PATHS.includes(path)) return { caller, facts, leave: () => {} };
    for (const { identifier } of events) account.attempts.note(identifier, idempotencyKey);
    const leave = account.traffic.enter(events);
    request.onClosed(leave);
    return { caller, facts, leave };
  }

  /** An outage, a scripted refusal, or null for a request that goes on. */
  refuse(
    { idempotencyKey }: ApiRequest,
    caller: Caller,
    facts: RequestFacts,
  ): ApiResponse | 'reset' | null {
    const { faults, outage, clock } = this.world;
    if (outage.isOn()) return 'reset';
    const stall = faults.take('aggregation', facts);
    if (stall) caller.account.events.stall(clock.nowMs(), clock.nowMs() + stall.ms);
    const fault = faults.take('arrival', facts);
    switch (fault?.kind) {
      case undefined:
        return null;
      case 'outage':
        outage.start(fault.ms, fault.time ?? 'virtual');
        return 'reset';
      case 'resetBefore':
        return 'reset';
      case '503':
        throw unavailable();
      case '429Burst':
        throw rateLimited(fault.reason ?? 'endpoint-rate');
      case 'lockTimeout':
        throw lockTimeout();
      case '409InFlight':
        throw fault.code === 'idempotency_key_in_use'
          ? keyInUse(idempotencyKey ?? '')
          : tooManyConcurrent();
      case 'htmlBodyBefore':
        return htmlResponse(fault.status ?? 502);
    }
  }

  #callerOf({ path, authorization, onBehalfOf, apiVersion }: ApiRequest): Caller {
    const { accounts, streamSessions, switches } = this.world;
    if (path === STREAM_PATH) return streamSessions.authenticate(presentedKey(authorization ?? ''));
    const caller = accounts.authenticate(authorization, onBehalfOf);
    if (apiOf(path) === 'v2' && apiVersion === null && switches.v2WithoutVersion === 'reject') {
      throw new ApiError(400, 'The header Stripe-Version is missing.', { code: 'missing_version' });
    }
    return caller;
  }
}
