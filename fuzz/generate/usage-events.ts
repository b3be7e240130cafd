import fc from 'fast-check';
import { token } from '../plan.js';
import { sometimes } from './chance.js';
import { RawJson, toText, type Loose } from './loose-json.js';
import { oddDecimal, oddNumber, oddText, oddTime, oddValue, time } from './odd-values.js';

type Fields = Readonly<Record<string, Loose>>;

/** So few that ids meet, so many that most events are new. */
const IDS = 2_000_000;

const id: fc.Arbitrary<string> = fc.oneof(
  { weight: 20, arbitrary: fc.nat(IDS).map((n) => `e${n}`) },
  { weight: 4, arbitrary: fc.nat(50).map((n) => `again${n}`) },
  { weight: 3, arbitrary: fc.uuid({ version: 7 }) },
  { weight: 1, arbitrary: fc.uuid({ version: 4 }).map((uuid) => uuid.toUpperCase()) },
  // The same to a reader, and two ids to us.
  { weight: 1, arbitrary: fc.nat(200).map((n) => `caf\u00e9${n}`) },
  { weight: 1, arbitrary: fc.nat(200).map((n) => `cafe\u0301${n}`) },
  { weight: 1, arbitrary: fc.nat(200).map((n) => ` e${n}`) },
  { weight: 1, arbitrary: fc.nat(2_000).map((n) => String(n).padStart(255, '😀')) },
);

const quantity: fc.Arbitrary<Loose> = fc.oneof(
  { weight: 10, arbitrary: fc.nat(1_000_000).map((n) => String(n / 1_000)) },
  { weight: 6, arbitrary: fc.nat(1_000) },
  { weight: 2, arbitrary: fc.nat(100_000).map((n) => n / 100) },
  { weight: 1, arbitrary: fc.constant('999999999999999.999999999999') },
  { weight: 1, arbitrary: oddDecimal },
  { weight: 1, arbitrary: oddNumber.map((text) => new RawJson(text)) },
);

const properties: fc.Arbitrary<Loose> = fc.dictionary(
  fc.constantFrom('region', 'user', 'tier', 'size', 'é', '__proto__'),
  fc.oneof(
    fc.constantFrom<Loose>('eu', 'us', '1.5', true, false, 0, 12.25),
    fc.nat(40).map((n) => `u${n}`),
    sometimes(50, oddText, fc.constant<Loose>('plain')),
  ),
  { maxKeys: 4 },
);

const valid: fc.Arbitrary<Fields> = fc.record(
  {
    usage_event_id: id,
    source: fc.constantFrom('', 'svc', 'é', 'x'.repeat(255)),
    customer_id: fc.oneof(
      { weight: 9, arbitrary: fc.nat(9_999).map((pick) => token('customer', pick)) },
      { weight: 1, arbitrary: fc.nat(60).map((n) => `new_${n}`) },
    ),
    meter: fc.oneof(
      { weight: 12, arbitrary: fc.constantFrom('calls', 'bytes', 'peak', 'users', 'seats') },
      { weight: 2, arbitrary: fc.nat(9_999).map((pick) => token('meter', pick)) },
    ),
    quantity,
    occurred_at: time,
    properties,
  },
  { requiredKeys: ['usage_event_id', 'customer_id', 'meter', 'quantity'] },
);

const FIELDS = [
  'usage_event_id',
  'source',
  'customer_id',
  'meter',
  'quantity',
  'occurred_at',
  'properties',
];

/** What each field is most likely to break at. */
function oddField(name: string): fc.Arbitrary<Loose> {
  if (name === 'quantity') return sometimes(50, oddValue, oddDecimal);
  if (name === 'occurred_at') return sometimes(20, oddValue, oddTime);
  return sometimes(50, oddValue, oddText);
}

const nearlyValid: fc.Arbitrary<Loose> = fc
  .tuple(valid, fc.constantFrom(...FIELDS, '__proto__', 'extra'))
  .chain(([event, name]) =>
    fc.option(oddField(name), { nil: undefined }).map((odd) => {
      const others = Object.entries(event).filter(([other]) => other !== name);
      return Object.fromEntries(odd === undefined ? others : [...others, [name, odd]]);
    }),
  );

/** One event, of which something was sent before, something is new, and something is no event. */
export const eventJson: fc.Arbitrary<Loose> = fc.oneof(
  { weight: 60, arbitrary: valid },
  { weight: 12, arbitrary: fc.nat(9_999).map((pick) => new RawJson(token('sent', pick))) },
  {
    weight: 6,
    arbitrary: fc
      .tuple(valid, fc.nat(9_999))
      .map(([event, pick]) => ({ ...event, usage_event_id: token('event', pick) })),
  },
  { weight: 20, arbitrary: nearlyValid },
  { weight: 2, arbitrary: oddValue },
);

/** An event as CloudEvents has it; what is odd in it stays so. */
const cloudEvent: fc.Arbitrary<Loose> = fc
  .tuple(valid, fc.constantFrom('1.0', '1.0', '1.0', '1.0', '0.3', ''), fc.nat(9))
  .map(([event, specversion, extra]) => {
    const { usage_event_id, source, customer_id, meter, quantity, occurred_at, properties } = event;
    return {
      specversion,
      id: usage_event_id!,
      source: source === undefined || source === '' ? 'urn:fuzz' : source,
      type: meter!,
      subject: customer_id!,
      ...(occurred_at !== undefined && { time: occurred_at }),
      ...(extra === 1 && { traceparent: '00-1' }),
      ...(extra === 2 && { dataschema: null }),
      ...(extra === 3 && { data_base64: 'e30=' }),
      data: { quantity: quantity!, ...(extra === 4 ? {} : (properties as Fields | undefined)) },
    };
  });

export interface UsageBody {
  readonly type: string;
  readonly text: string;
}

const JSON_TYPE = 'application/json';

/** Bodies of every door of `POST /v1/usage-events`. */
export const usageBody: fc.Arbitrary<UsageBody> = fc.oneof(
  { weight: 30, arbitrary: eventJson.map((event) => body(JSON_TYPE, toText(event))) },
  { weight: 25, arbitrary: several(8).map((events) => body(JSON_TYPE, toText({ events }))) },
  { weight: 3, arbitrary: several(8).map((events) => body(JSON_TYPE, toText(events))) },
  { weight: 2, arbitrary: several(250).map((events) => body(JSON_TYPE, toText({ events }))) },
  {
    weight: 20,
    arbitrary: several(12).chain((events) =>
      fc
        .constantFrom('\n', '\n', '\r\n', '\n\n')
        .map((end) => body('application/x-ndjson', events.map(toText).join(end))),
    ),
  },
  {
    weight: 1,
    arbitrary: several(1_200).map((events) =>
      body('application/x-ndjson', events.map(toText).join('\n')),
    ),
  },
  {
    weight: 10,
    arbitrary: cloudEvent.map((event) => body('application/cloudevents+json', toText(event))),
  },
  {
    weight: 8,
    arbitrary: fc
      .array(sometimes(10, oddValue, cloudEvent), { maxLength: 6 })
      .map((events) => body('application/cloudevents-batch+json', toText(events))),
  },
);

function several(max: number): fc.Arbitrary<Loose[]> {
  return fc.array(eventJson, { maxLength: max, size: 'max' });
}

function body(type: string, text: string): UsageBody {
  return { type, text };
}
