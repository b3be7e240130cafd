import fc from 'fast-check';
import { token, type Coding } from '../plan.js';

/** Of every scope, for reading, for writing, revoked. */
const key = (n: number): string => `Bearer ${token('key', n)}`;

export const authorization: fc.Arbitrary<string | undefined> = fc.oneof(
  { weight: 240, arbitrary: fc.constant(key(0)) },
  { weight: 5, arbitrary: fc.constantFrom(key(1), key(2), key(3)) },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      undefined,
      '',
      'Bearer',
      'Bearer ',
      `bearer ${token('key', 0)}`,
      `Bearer  ${token('key', 0)}`,
      `Basic ${token('key', 0)}`,
      `${key(0)} x`,
      `${key(0)}x`,
      token('key', 0),
      'Bearer co_x_y',
      `Bearer ${'x'.repeat(5_000)}`,
      'Bearer \u00e9\u00ff',
    ),
  },
);

const ODD_TYPES = [
  undefined,
  '',
  'text/plain',
  'application/xml',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x',
  'application/json; charset=utf-8',
  'application/json; charset=utf-16',
  'application/json;charset="latin1"',
  'application/json, text/plain',
  'APPLICATION/JSON',
  'application/problem+json',
  'application/x-ndjson',
  'application/cloudevents+json',
  'application/cloudevents-batch+json',
  'application/json; x=\u00ff',
  'application',
  '*/*',
  '__proto__',
];

export function contentType(usual: string): fc.Arbitrary<string | undefined> {
  return fc.oneof(
    { weight: 95, arbitrary: fc.constant(usual) },
    { weight: 5, arbitrary: fc.constantFrom(...ODD_TYPES) },
  );
}

export const coding: fc.Arbitrary<Coding> = fc.oneof(
  { weight: 90, arbitrary: fc.constant<Coding>('plain') },
  { weight: 6, arbitrary: fc.constant<Coding>('gzip') },
  {
    weight: 3,
    arbitrary: fc.constantFrom<Coding>(
      'gzip-cut',
      'gzip-twice',
      'gzip-named-only',
      'deflate',
      'br',
      'latin1',
      'utf16',
    ),
  },
);

/** Inflates to some 64 MiB: seldom, since each takes the time that it takes. */
export const bomb: fc.Arbitrary<boolean> = fc.nat(400).map((n) => n === 7);

export const idempotencyKey: fc.Arbitrary<string> = fc.oneof(
  { weight: 10, arbitrary: fc.nat(400).map((n) => `k-${n}`) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '',
      ' ',
      'a b',
      'x'.repeat(255),
      'x'.repeat(256),
      '\u00e9',
      '"',
      '*',
    ),
  },
);

export const oddHeaders: fc.Arbitrary<Readonly<Record<string, string>>> = fc.constantFrom<
  Readonly<Record<string, string>>
>(
  { accept: 'text/html' },
  { accept: 'application/x-nothing' },
  { expect: '100-continue' },
  { host: 'elsewhere.example' },
  { 'x-forwarded-for': "127.0.0.1, '; DROP TABLE" },
  { 'x-http-method-override': 'DELETE' },
  { connection: 'close' },
  { 'accept-encoding': 'gzip, br' },
  { range: 'bytes=0-1' },
  { 'if-none-match': '*' },
  { traceparent: '00-zz' },
  { cookie: `a=${'x'.repeat(4_000)}` },
  { 'x-long': 'x'.repeat(20_000) },
  { upgrade: 'h2c', connection: 'Upgrade' },
);
