import fc from 'fast-check';
import { RawJson, type Loose } from './loose-json.js';

const TEXTS = [
  '',
  ' ',
  ' x ',
  '\0',
  'a\0b',
  '\ud800',
  'x\udc00',
  '\u00e9',
  'e\u0301',
  '\ufb01',
  '\u0130',
  '\u202eabc',
  '\ufeff',
  '\u2028',
  '\u007f',
  'a\r\nX-Injected: 1',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  'null',
  'NaN',
  '../../etc/passwd',
  '%00',
  '%2e%2e%2f',
  "' OR 1=1 --",
  '$1',
  '{{7*7}}',
  '<script>alert(1)</script>',
  '00000000-0000-0000-0000-000000000000',
  '018f0000-0000-7000-8000-000000000000',
  '018F0000-0000-7000-8000-000000000000',
  'x'.repeat(64),
  'x'.repeat(65),
  'x'.repeat(255),
  'x'.repeat(256),
  'x'.repeat(1_001),
  '😀'.repeat(255),
  '😀'.repeat(256),
  'é'.repeat(5_000),
];

const TIMES = [
  '1970-01-01T00:00:00Z',
  '1999-12-31T23:59:59.999999Z',
  '2000-01-01T00:00:00Z',
  '2024-02-29T00:00:00Z',
  '2023-02-29T00:00:00Z',
  '2026-02-30T00:00:00Z',
  '2026-01-01T24:00:00Z',
  '2026-01-01T23:59:60Z',
  '2026-01-01T00:00:00.1234567Z',
  '2026-01-01T00:00:00.000001Z',
  '2026-01-01T00:00:00+14:00',
  '2026-01-01T00:00:00-23:59',
  '2026-01-01T00:00:00+24:00',
  '2026-01-01T00:00:00',
  '2026-01-01 00:00:00Z',
  '2026-01-01t00:00:00z',
  '2026-01-01',
  '9999-12-31T23:59:59.999999Z',
  '9999-12-31T23:59:59-14:00',
  '10000-01-01T00:00:00Z',
  '+275760-09-13T00:00:00Z',
  '-000001-01-01T00:00:00Z',
  '0000-01-01T00:00:00Z',
  '0001-01-01T00:00:00+14:00',
  'infinity',
  'now',
  '1e9',
];

const NUMBERS = [
  '0',
  '-0',
  '-1',
  '1e2',
  '1E+2',
  '1e15',
  '1e400',
  '-1e400',
  '1e-400',
  '5e-324',
  '1e-7',
  '0.1',
  '0.30000000000000004',
  '999999999999999',
  '9007199254740993',
  '123456789012345678901234567890',
  '0.000000000001',
  '0.0000000000001',
  '2147483648',
  '9223372036854775808',
  `1${'0'.repeat(400)}`,
  `0.${'0'.repeat(400)}1`,
  '01',
  '1.',
  '.5',
  '+1',
  '0x10',
  'NaN',
  'Infinity',
];

const DECIMALS = [
  '0',
  '-0',
  '0.0',
  '1',
  '1.50',
  '-1.5',
  '0.000000000001',
  '0.0000000000001',
  '999999999999999.999999999999',
  '1000000000000000',
  '01',
  '+1',
  '1.',
  '.1',
  '1e3',
  '1,5',
  ' 1',
  '１',
  '٣',
  'NaN',
  'Infinity',
  '',
];

const TIMEZONES = [
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'Asia/Kathmandu',
  'Australia/Lord_Howe',
  'Pacific/Apia',
  'Africa/Monrovia',
  'America/Nuuk',
  'utc',
  'Europe/Nowhere',
  '+02:00',
  'localtime',
  'posixrules',
  'EST5EDT',
  'Factory',
];

export const oddText = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...TEXTS) },
  { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme-composite', maxLength: 40 }) },
);
export const oddTime = fc.constantFrom(...TIMES);
export const oddNumber = fc.constantFrom(...NUMBERS);
export const oddDecimal = fc.constantFrom(...DECIMALS);
export const timezone = fc.constantFrom(...TIMEZONES);

/** Mostly of these years, to the quarter hour; now and then at an edge. */
export const time: fc.Arbitrary<string> = fc.oneof(
  { weight: 6, arbitrary: near(90 * 96, 900_000) },
  { weight: 3, arbitrary: near(90 * 86_400, 1_000) },
  { weight: 1, arbitrary: near(3_650, 86_400_000) },
  { weight: 1, arbitrary: oddTime },
);

/** Before an instant that is the same at every run, since a seed is to say what is sent. */
function near(steps: number, stepMs: number): fc.Arbitrary<string> {
  const newest = Math.floor(Date.UTC(2026, 8, 1) / stepMs);
  return fc
    .integer({ min: -steps, max: steps >> 3 })
    .map((step) => new Date((newest + step) * stepMs).toISOString());
}

/** Anything that JSON, or what looks like it, can hold. */
export const oddValue: fc.Arbitrary<Loose> = fc.oneof(
  { weight: 4, arbitrary: oddText },
  { weight: 2, arbitrary: oddNumber.map((text) => new RawJson(text)) },
  { weight: 1, arbitrary: oddTime },
  {
    weight: 3,
    arbitrary: fc.constantFrom<Loose>(null, true, false, [], {}, [[]], [null], { __x: 1 }, 0, 1),
  },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 600 }).map(nested) },
  { weight: 1, arbitrary: fc.constantFrom(10, 1_001, 10_001).map((n) => Array(n).fill('x')) },
  { weight: 1, arbitrary: fc.constant(new RawJson('{"__proto__":{"x":1},"constructor":1}')) },
  { weight: 1, arbitrary: fc.constant(manyMembers()) },
);

function nested(depth: number): Loose {
  return new RawJson(`${'['.repeat(depth)}${']'.repeat(depth)}`);
}

function manyMembers(): Loose {
  return Object.fromEntries(Array.from({ length: 60 }, (_, n) => [`p${n}`, n]));
}
