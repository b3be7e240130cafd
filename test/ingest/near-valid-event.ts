import fc from 'fast-check';

/** Texts at the edges of what is taken, with what often hides in texts. */
const text = fc.oneof(
  fc.constantFrom('', ' ', 'a', 'evt_1', '\0', 'a\0', '\ud800', '😀', 'e\u0301', '\ufeff', 'a/b~c'),
  fc.constantFrom(254, 255, 256, 510, 511).map((length) => 'x'.repeat(length)),
  fc.constantFrom(127, 128, 254, 255, 256).map((pairs) => '😀'.repeat(pairs)),
  fc.constant('❤\ufe0f'.repeat(128)),
  fc.string({ unit: 'binary', maxLength: 260 }),
);

const quantity = fc.oneof(
  fc.constantFrom(
    ...['0', '-0', '1', '007', '.5', '5.', '+5', '1e3', '0x10', ' 1', '1.5', '-12.25', 'NaN', ''],
    ...['999999999999999', '1000000000000000', '0.123456789012', '0.1234567890123'],
    ...[0, -0, 1, -1, 1.5, 1e14, 1e15, 1e21, 1e-6, 1e-7, 0.1 + 0.2, NaN, Infinity, -Infinity],
    ...[9007199254740992, 0.0000012345678, 123456789.012345, 5e-324],
  ),
  fc.double(),
  fc.integer(),
  fc.stringMatching(/^-?\d{0,17}\.?\d{0,14}$/),
);

const occurredAt = fc.oneof(
  fc.constantFrom(
    '2026-11-01T00:00:00Z',
    '2026-11-01T00:00:00.123456+05:30',
    '2026-11-01T00:00:00.1234567Z',
    '2026-11-01',
    '2026-11-01T00:00:00',
    '2026-11-01T23:59:60Z',
    '2026-11-01T24:00:00Z',
    '2026-02-30T00:00:00Z',
    '1999-12-31T23:59:59Z',
    'infinity',
    '',
  ),
  fc.date().map((date) => (Number.isNaN(date.getTime()) ? 'Invalid Date' : date.toISOString())),
);

const anything = fc.constantFrom<unknown>(null, true, false, 0, '', [], {}, [1], { a: 1 }, 'x');

const property = fc.oneof(
  { weight: 4, arbitrary: fc.oneof(text, fc.integer(), fc.boolean()) },
  { weight: 1, arbitrary: fc.oneof(anything, fc.double(), fc.constantFrom(Infinity, NaN)) },
);

const properties = fc.oneof(
  { weight: 4, arbitrary: fc.dictionary(text, property, { maxKeys: 4 }) },
  fc
    .constantFrom(49, 50, 51)
    .map((n) => Object.fromEntries(Array.from({ length: n }, (_, i) => [`k${i}`, i]))),
  // Around 4 KiB, in bytes of one, two and six per code unit.
  fc
    .tuple(fc.constantFrom('x', 'é', '\u0001', '"', '😀'), fc.integer({ min: -9, max: 9 }))
    .map(([unit, off]) => {
      const bytesEach = Buffer.byteLength(JSON.stringify(unit)) - 2;
      return { a: unit.repeat(Math.floor((4096 - '{"a":""}'.length) / bytesEach) + off) };
    }),
  fc.constantFrom<unknown>(
    JSON.parse('{"__proto__":1}'),
    JSON.parse('{"__proto__":{"admin":true}}'),
    JSON.parse('{"constructor":{"prototype":{"admin":true}}}'),
    JSON.parse('{"constructor":"x","toString":1}'),
  ),
);

/** Each field is mostly right, sometimes wrong, sometimes of another type, sometimes away. */
const field = (right: fc.Arbitrary<unknown>, near: fc.Arbitrary<unknown>) =>
  fc.oneof(
    { weight: 12, arbitrary: right },
    { weight: 3, arbitrary: near },
    { weight: 1, arbitrary: anything },
  );

const name = fc.constantFrom('a', 'evt_1', 'é', '😀', 'x'.repeat(255));

/** What a client might send as a usage event: valid in about a quarter of the cases. */
export const nearValidEvent: fc.Arbitrary<Record<string, unknown>> = fc
  .record(
    {
      usage_event_id: field(name, text),
      customer_id: field(name, text),
      meter: field(name, text),
      source: field(fc.constantFrom('', 'gateway'), text),
      quantity: field(fc.constantFrom('1', '-2.50', 3, 0.5), quantity),
      occurred_at: field(fc.constant('2026-11-01T00:00:00Z'), occurredAt),
      properties: field(fc.constantFrom({}, { region: 'eu', n: 1, b: true }), properties),
    },
    { requiredKeys: [] },
  )
  .chain((event) =>
    fc.oneof(
      {
        weight: 9,
        arbitrary: fc.constant({ usage_event_id: 'u', customer_id: 'c', meter: 'm', ...event }),
      },
      { weight: 1, arbitrary: fc.constant(event) },
      {
        weight: 1,
        arbitrary: fc
          .constantFrom('extra', 'Quantity', 'constructor', 'toString', '__proto__', '')
          .map(
            (key) =>
              JSON.parse(
                `{"${key}":1,"usage_event_id":"u","customer_id":"c","meter":"m"}`,
              ) as Record<string, unknown>,
          ),
      },
    ),
  );
