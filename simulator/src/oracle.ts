import type { IncomingMessage, RequestListener } from 'node:http';
import { checkMatch } from './fault-match.js';
import type { FaultScript } from './faults.js';
import type { ForeignEvent } from './foreign-events.js';
import type { LedgerFilter } from './ledger.js';
import { BILLING_HANDLERS } from './oracle-billing.js';
import { readBody } from './request-body.js';
import type { Simulator } from './simulator.js';

type Json = Readonly<Record<string, unknown>>;
type Handler = (
  simulator: Simulator,
  body: Json,
  query: URLSearchParams,
) => object | Promise<object>;

/** Nothing here exists at Stripe; it is for tests only, and listens on a port of its own. */
const HANDLERS: Readonly<Record<string, Handler>> = {
  'GET /_sim/ledger': (simulator, _body, query) => ({
    events: simulator.ledger(readFilter(query)),
    rejected: simulator.rejections(),
  }),
  'GET /_sim/totals': (simulator, _body, query) => ({
    totals: simulator.totals(readFilter(query)),
  }),
  'GET /_sim/clock': (simulator) => simulator.clock(),
  'POST /_sim/clock': moveClock,
  'GET /_sim/faults': (simulator) => ({ faults: simulator.faults() }),
  'POST /_sim/faults': addFaults,
  'DELETE /_sim/faults': (simulator) => {
    simulator.clearFaults();
    return { faults: [] };
  },
  'GET /_sim/switches': (simulator) => simulator.switches(),
  'POST /_sim/switches': (simulator, body) => {
    simulator.setSwitches(body);
    return simulator.switches();
  },
  'GET /_sim/attempts': (simulator) => simulator.attempts(),
  'POST /_sim/foreign-events': (simulator, body) => simulator.countForeign(readForeignEvent(body)),
  'POST /_sim/revoked-keys': (simulator, body) => {
    const key = textOf(body, 'key');
    if (key === undefined) throw new RangeError('key is missing');
    simulator.revokeKey(key);
    return { key };
  },
  'POST /_sim/connected-accounts': (simulator, body) => {
    const { key, account } = body;
    if (typeof key !== 'string' || typeof account !== 'string') {
      throw new RangeError('key and account must be strings');
    }
    simulator.connectAccount(key, account);
    return { account };
  },
  'POST /_sim/customers': (simulator, body) => {
    const id = textOf(body, 'id');
    if (id === undefined) throw new RangeError('id is missing');
    simulator.addCustomer(id, textOf(body, 'key'));
    return { id };
  },
  'POST /_sim/flush': (simulator) => {
    simulator.flush();
    return {};
  },
  ...BILLING_HANDLERS,
  'POST /_sim/reset': (simulator) => {
    simulator.reset();
    return {};
  },
};

export function oracleListener(simulator: Simulator): RequestListener {
  return (incoming, outgoing) => {
    void answerTo(simulator, incoming).then(({ status, body }) => {
      outgoing.writeHead(status, { 'Content-Type': 'application/json' });
      outgoing.end(JSON.stringify(body));
    });
  };
}

async function answerTo(simulator: Simulator, incoming: IncomingMessage) {
  const url = new URL(incoming.url ?? '/', 'http://oracle');
  const name = `${incoming.method ?? 'GET'} ${url.pathname}`;
  const handler = Object.hasOwn(HANDLERS, name) ? HANDLERS[name] : undefined;
  if (!handler) return { status: 404, body: { error: { message: `No oracle route ${name}` } } };
  try {
    const body = parseJson(await readBody(incoming));
    return { status: 200, body: await handler(simulator, body, url.searchParams) };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { status: 400, body: { error: { message } } };
  }
}

/** `{now}` in unix seconds or RFC 3339, `{advance_seconds}`, `{freeze}`; in this order, any of them. */
function moveClock(simulator: Simulator, body: Json): object {
  const { now, advance_seconds: advanceSeconds, freeze } = body;
  if (now !== undefined) simulator.setClock(toUnixMs(now));
  if (advanceSeconds !== undefined) {
    if (typeof advanceSeconds !== 'number')
      throw new RangeError('advance_seconds must be a number');
    simulator.advanceClock(advanceSeconds);
  }
  if (freeze !== undefined) simulator.freezeClock(freeze === true);
  return simulator.clock();
}

function toUnixMs(now: unknown): number {
  const unixMs = typeof now === 'number' ? Math.round(now * 1000) : Date.parse(String(now));
  if (Number.isNaN(unixMs)) throw new RangeError('now must be unix seconds or RFC 3339');
  return unixMs;
}

/** Takes one script or `{faults: [script, …]}`. */
function addFaults(simulator: Simulator, body: Json): object {
  const scripts = Array.isArray(body['faults']) ? (body['faults'] as Json[]) : [body];
  for (const script of scripts) {
    checkMatch(script['match'] ?? {});
    if (script['fault'] === undefined) throw new RangeError('fault is missing');
    simulator.addFault(script as unknown as FaultScript);
  }
  return { faults: simulator.faults() };
}

function readFilter(query: URLSearchParams): LedgerFilter {
  const filter: LedgerFilter = {};
  for (const name of ['account', 'event_name', 'customer'] as const) {
    const value = query.get(name);
    if (value !== null) filter[name] = value;
  }
  for (const name of ['after', 'limit'] as const) {
    const value = query.get(name);
    if (value === null) continue;
    if (!/^\d+$/.test(value)) throw new RangeError(`${name} must be a whole number`);
    filter[name] = Number(value);
  }
  return filter;
}

function readForeignEvent(body: Json): ForeignEvent {
  const types: Readonly<Record<string, string>> = {
    event_name: 'string',
    customer: 'string',
    value: 'string',
    account: 'string',
    identifier: 'string',
    timestamp: 'number',
    livemode: 'boolean',
  };
  for (const name of ['event_name', 'customer', 'value']) {
    if (body[name] === undefined) throw new RangeError(`${name} is missing`);
  }
  for (const [name, value] of Object.entries(body)) {
    if (typeof value === types[name]) continue;
    throw new RangeError(`${name} must be a ${types[name] ?? 'known member'}`);
  }
  return body as unknown as ForeignEvent;
}

function parseJson(text: string): Json {
  if (text === '') return {};
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new RangeError('The body must be a JSON object.');
  }
  return value as Json;
}

function textOf(body: Json, name: string): string | undefined {
  const value = body[name];
  if (value === undefined || typeof value === 'string') return value;
  throw new RangeError(`${name} must be a string`);
}
