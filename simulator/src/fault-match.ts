import type { FormObject, FormValue } from './form-decoding.js';

/** Which requests a fault falls on: all members given must hold. Named as in Stripe's API. */
export interface FaultMatch {
  method?: string;
  /** An exact path, or the beginning of one followed by `*`. */
  path?: string;
  event_name?: string;
  identifier?: string;
  /** The customer of the payload, or the parameter `customer`. */
  customer?: string;
  idempotency_key?: string;
  account?: string;
}

const OF_EVENT = ['event_name', 'identifier', 'customer'] as const;
const OF_REQUEST = ['method', 'path', 'idempotency_key', 'account'] as const;

/** What of an event a fault can be matched by. */
export type EventFacts = { [Name in (typeof OF_EVENT)[number]]: string | null };

/** What of a request a fault can be matched by. */
export interface RequestFacts {
  method: string;
  path: string;
  idempotency_key: string | null;
  account: string;
  /** One for most requests; a stream carries many, and any of them can match. */
  events: readonly EventFacts[];
}

/** Throws on a member no request has, as a fault that silently never falls would prove nothing. */
export function checkMatch(match: object): asserts match is FaultMatch {
  const known: readonly string[] = [...OF_EVENT, ...OF_REQUEST];
  for (const [name, value] of Object.entries(match)) {
    if (!known.includes(name)) throw new RangeError(`Unknown match: ${name}`);
    if (typeof value !== 'string') throw new RangeError(`match.${name} must be a string`);
  }
}

/**
 * The events of a request, or its one subject. `customerKeyOf` tells under which name a payload
 * carries the customer of an event name.
 */
export function eventFacts(
  form: FormObject,
  customerKeyOf: (eventName: string) => string,
): EventFacts[] {
  const events = objectOf(form['events']);
  const subjects = events ? Object.values(events).map(objectOf) : [form];
  return subjects.map((subject = {}) => {
    const eventName = textOf(subject['event_name']);
    const payload = objectOf(subject['payload']);
    const payer = payload?.[customerKeyOf(eventName ?? '')] ?? subject['customer'];
    const identifier = subject['identifier'] ?? objectOf(subject['cancel'])?.['identifier'];
    return { event_name: eventName, identifier: textOf(identifier), customer: textOf(payer) };
  });
}

export function matchesFault(match: FaultMatch, facts: RequestFacts): boolean {
  const { method, path, idempotency_key: key, account } = match;
  if (method !== undefined && method !== facts.method) return false;
  if (path !== undefined && !pathMatches(path, facts.path)) return false;
  if (key !== undefined && key !== facts.idempotency_key) return false;
  if (account !== undefined && account !== facts.account) return false;
  const wanted = OF_EVENT.filter((name) => match[name] !== undefined);
  if (wanted.length === 0) return true;
  return facts.events.some((event) => wanted.every((name) => match[name] === event[name]));
}

function pathMatches(pattern: string, path: string): boolean {
  return pattern.endsWith('*') ? path.startsWith(pattern.slice(0, -1)) : path === pattern;
}

function objectOf(value: FormValue | undefined): FormObject | undefined {
  return typeof value === 'object' ? value : undefined;
}

function textOf(value: FormValue | undefined): string | null {
  return typeof value === 'string' ? value : null;
}
