/** One usage event as its sender meant it. */
export interface SentEvent {
  readonly source: string;
  readonly id: string;
  readonly customer: string;
  readonly meter: string;
  /** As it was written; what it is worth is compared as a decimal. */
  readonly quantity: string | undefined;
  readonly occurredAt: string | undefined;
  /** JSON with sorted names. */
  readonly properties: string | undefined;
}

type Fields = Readonly<Record<string, unknown>>;

/** The places of events in a body, by its content type; undefined where it holds none. */
export function eventsIn(type: string, body: string): readonly unknown[] | undefined {
  // Whoever decodes UTF-8 takes a byte order mark off.
  const text = body.replace(/^\ufeff/, '');
  if (/ndjson|jsonl/i.test(type)) {
    const lines = text.split('\n').map((line) => line.replace(/\r$/, ''));
    return lines.filter((line) => /[^ \t\r]/.test(line)).map((line) => parsed(line));
  }
  const value = parsed(text);
  if (value === undefined || value === null || typeof value !== 'object') return undefined;
  if (/cloudevents/i.test(type)) return [value].flat().map((event) => fromCloudEvent(event));
  if (Array.isArray(value)) return value;
  const { events } = value as Fields;
  return Array.isArray(events) ? events : [value];
}

/** @returns undefined where it is so far from an event that none can have been recorded. */
export function sentEvent(value: unknown): SentEvent | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const fields = value as Fields;
  const own = (name: string): unknown => (Object.hasOwn(fields, name) ? fields[name] : undefined);
  const { source = '' } = { source: own('source') };
  const [id, customer, meter] = [own('usage_event_id'), own('customer_id'), own('meter')];
  if (typeof id !== 'string' || typeof customer !== 'string' || typeof meter !== 'string') {
    return undefined;
  }
  if (typeof source !== 'string') return undefined;
  const [quantity, occurredAt, properties] = [
    own('quantity'),
    own('occurred_at'),
    own('properties'),
  ];
  return {
    source,
    id,
    customer,
    meter,
    quantity: quantity === undefined ? undefined : writtenAs(quantity),
    occurredAt: occurredAt === undefined ? undefined : writtenAs(occurredAt),
    properties: properties === undefined ? undefined : sortedJson(properties),
  };
}

function writtenAs(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

export function sortedJson(value: unknown): string {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return JSON.stringify(value);
  }
  const members = Object.keys(value)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${JSON.stringify((value as Fields)[name])}`);
  return `{${members.join(',')}}`;
}

/** By the contract: `subject` is the customer, `type` the meter, what else `data` holds properties. */
function fromCloudEvent(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const { id, source, subject, type, time, data } = value as Fields;
  const isData = typeof data === 'object' && data !== null && !Array.isArray(data);
  const { quantity, ...rest } = isData ? (data as Fields) : {};
  const fields = {
    usage_event_id: id,
    source,
    customer_id: subject,
    meter: type,
    quantity,
    occurred_at: time,
    properties: Object.keys(rest).length > 0 ? rest : undefined,
  };
  return Object.fromEntries(
    Object.entries(fields).filter(([, field]) => field !== undefined && field !== null),
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const INSTANT = /^(\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?([Zz]|[+-]\d\d:\d\d)$/;

/** Microseconds since the epoch. */
export function microsOf(text: string): number | undefined {
  const [, base, fraction = '', offset] = INSTANT.exec(text) ?? [];
  if (base === undefined || offset === undefined) return undefined;
  return Date.parse(`${base}${offset}`.toUpperCase()) * 1_000 + Number(fraction.padEnd(6, '0'));
}
