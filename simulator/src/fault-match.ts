import type { FormObject } from './form-decoding.js';

/** Which requests a fault falls on: all members given must hold. Named as in Stripe's API. */
export interface FaultMatch {
  method?: string;
  /** An exact path, or the beginning of one followed by `*`. */
  path?: string;
  event_name?: string;
  identifier?: string;
  /** `payload[stripe_customer_id]`, or the parameter `customer`. */
  customer?: string;
  idempotency_key?: string;
  account?: string;
}

/** What of a request a fault can be matched by. */
export type RequestFacts = { [Name in keyof Required<FaultMatch>]: string | null };

const MATCHABLE: readonly string[] = [
  'method',
  'path',
  'event_name',
  'identifier',
  'customer',
  'idempotency_key',
  'account',
];

/** Throws on a member no request has, as a fault that silently never falls would prove nothing. */
export function checkMatch(match: object): asserts match is FaultMatch {
  for (const [name, value] of Object.entries(match)) {
    if (!MATCHABLE.includes(name)) throw new RangeError(`Unknown match: ${name}`);
    if (typeof value !== 'string') throw new RangeError(`match.${name} must be a string`);
  }
}

export function requestFacts(
  method: string,
  path: string,
  form: FormObject,
  idempotencyKey: string | null,
  account: string,
): RequestFacts {
  const payload = form['payload'];
  const payer = typeof payload === 'object' ? payload['stripe_customer_id'] : form['customer'];
  return {
    method,
    path,
    event_name: textOf(form['event_name']),
    identifier: textOf(form['identifier']),
    customer: textOf(payer),
    idempotency_key: idempotencyKey,
    account,
  };
}

export function matchesFault(match: FaultMatch, facts: RequestFacts): boolean {
  const { path, ...others } = match;
  if (path !== undefined && !pathMatches(path, facts.path ?? '')) return false;
  return Object.entries(others).every(
    ([name, wanted]) => facts[name as keyof RequestFacts] === wanted,
  );
}

function pathMatches(pattern: string, path: string): boolean {
  return pattern.endsWith('*') ? path.startsWith(pattern.slice(0, -1)) : path === pattern;
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}
