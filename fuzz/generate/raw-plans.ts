import fc from 'fast-check';
import { token, type RawPlan } from '../plan.js';

const KEY = `Authorization: Bearer ${token('key', 0)}\r\n`;
const HOST = 'Host: localhost\r\n';
const JSON_TYPE = 'Content-Type: application/json\r\n';

/** An event whose id says that it must never be recorded: nobody asked for it in so many words. */
function smuggled(n: number): string {
  const body = JSON.stringify({
    usage_event_id: `smuggled${n}`,
    customer_id: 'cus_0',
    meter: 'calls',
    quantity: '1',
  });
  return `POST /v1/usage-events HTTP/1.1\r\n${HOST}${KEY}${JSON_TYPE}Content-Length: ${body.length}\r\n\r\n${body}`;
}

function post(headers: string, body: string): string {
  return `POST /v1/usage-events HTTP/1.1\r\n${HOST}${KEY}${JSON_TYPE}${headers}\r\n${body}`;
}

const get = `GET /v1/meters HTTP/1.1\r\n${HOST}${KEY}\r\n`;

/** Whose framing two readers may read in two ways: none of them may let the second request through. */
function ambiguous(n: number): [string, string][] {
  const hidden = smuggled(n);
  const chunk = `${hidden.length.toString(16)}\r\n${hidden}\r\n0\r\n\r\n`;
  return [
    [
      'CL and TE',
      post(`Content-Length: 6\r\nTransfer-Encoding: chunked\r\n`, `0\r\n\r\n${hidden}`),
    ],
    ['TE and CL', post(`Transfer-Encoding: chunked\r\nContent-Length: 4\r\n`, chunk)],
    ['two CL', post(`Content-Length: 0\r\nContent-Length: ${hidden.length}\r\n`, hidden)],
    ['TE twice', post(`Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n`, chunk)],
    ['TE odd', post(`Transfer-Encoding: xchunked\r\n`, chunk)],
    ['TE blank', post(`Transfer-Encoding : chunked\r\nContent-Length: 0\r\n`, hidden)],
    ['TE folded', post(`Transfer-Encoding:\r\n chunked\r\nContent-Length: 0\r\n`, hidden)],
    ['CL signed', post(`Content-Length: +0\r\n`, hidden)],
    ['CL hex', post(`Content-Length: 0x0\r\n`, hidden)],
    ['CL list', post(`Content-Length: 0, ${hidden.length}\r\n`, hidden)],
    ['CL negative', post(`Content-Length: -1\r\n`, hidden)],
    ['CL huge', post(`Content-Length: ${'9'.repeat(30)}\r\n`, hidden)],
    ['LF only', `GET /v1/meters HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\n${hidden}`],
    ['NUL in header', post(`X: a\0b\r\nContent-Length: 0\r\n`, '')],
    ['CR in header', post(`X: a\rContent-Length: 3\r\n`, '')],
    ['chunk size huge', post('Transfer-Encoding: chunked\r\n', `${'f'.repeat(20)}\r\nx`)],
    ['chunk size odd', post('Transfer-Encoding: chunked\r\n', `-1\r\nx\r\n0\r\n\r\n`)],
    [
      'chunk extension',
      post('Transfer-Encoding: chunked\r\n', `2;${'x'.repeat(30_000)}\r\n{}\r\n`),
    ],
    ['chunk without end', post('Transfer-Encoding: chunked\r\n', `2\r\n{}xx`)],
    [
      'trailers',
      post('Transfer-Encoding: chunked\r\n', `2\r\n{}\r\n0\r\nContent-Length: 3\r\n\r\n`),
    ],
  ];
}

const MALFORMED: readonly (readonly [string, string])[] = [
  ['no HTTP', 'hello\r\n\r\n'],
  ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['HTTP/0.9', 'GET /\r\n\r\n'],
  ['HTTP/1.0', 'GET /health/live HTTP/1.0\r\n\r\n'],
  ['HTTP/9.9', `GET / HTTP/9.9\r\n${HOST}\r\n`],
  ['no host', 'GET /v1/meters HTTP/1.1\r\n\r\n'],
  ['two hosts', `GET /v1/meters HTTP/1.1\r\n${HOST}${HOST}\r\n`],
  ['odd method', `G\x00T / HTTP/1.1\r\n${HOST}\r\n`],
  ['unknown method', `FROB /v1/meters HTTP/1.1\r\n${HOST}\r\n`],
  ['CONNECT', `CONNECT localhost:1 HTTP/1.1\r\n${HOST}\r\n`],
  ['blanks in target', `GET /v1/ me ters HTTP/1.1\r\n${HOST}\r\n`],
  ['bytes in target', `GET /v1/\xff\xfe\x80 HTTP/1.1\r\n${HOST}\r\n`],
  ['long target', `GET /${'x'.repeat(70_000)} HTTP/1.1\r\n${HOST}\r\n`],
  ['header without colon', `GET / HTTP/1.1\r\nbroken\r\n${HOST}\r\n`],
  ['header without name', `GET / HTTP/1.1\r\n: x\r\n${HOST}\r\n`],
  ['header flood', `GET / HTTP/1.1\r\n${HOST}${'X-A: b\r\n'.repeat(3_000)}\r\n`],
  ['large header', `GET / HTTP/1.1\r\n${HOST}X: ${'x'.repeat(100_000)}\r\n\r\n`],
  ['two keys', `GET /v1/meters HTTP/1.1\r\n${HOST}${KEY}Authorization: Bearer x\r\n\r\n`],
  [
    'upgrade',
    `GET /v1/meters HTTP/1.1\r\n${HOST}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
  ],
  ['expect', post('Expect: 200-maybe\r\nContent-Length: 2\r\n', '{}')],
  ['expect and no body', post('Expect: 100-continue\r\nContent-Length: 20\r\n', '')],
  ['upper case pipeline', `${get}${get.replace('/v1/meters', '/V1/METERS')}`],
  ['pipeline', get.repeat(12)],
  ['pipeline with nonsense', `${get}${get}nonsense\r\n\r\n${get}`],
  ['blank lines before', `\r\n\r\n${get}`],
  ['body with GET', get.replace('\r\n\r\n', '\r\nContent-Length: 5\r\n\r\nhello')],
  ['nothing', ''],
];

const tenant = fc.constantFrom<0 | 1>(0, 1);

function raw(what: string, text: string, extra: Partial<RawPlan> = {}): Omit<RawPlan, 'tenant'> {
  return { kind: 'raw', what, text, hangsUp: false, drips: false, ...extra };
}

/** A good request, cut anywhere, with the connection closed there. */
const half = fc.tuple(fc.nat(10_000), fc.boolean()).map(([n, isChunked]) => {
  const body = `{"usage_event_id":"half${n}","customer_id":"cus_1","meter":"calls","quantity":"1"}`;
  const whole = isChunked
    ? post('Transfer-Encoding: chunked\r\n', `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`)
    : post(`Content-Length: ${body.length}\r\n`, body);
  return raw('half a request', whole.slice(0, n % (whole.length - 4)), { hangsUp: true });
});

const noise = fc
  .string({ unit: fc.nat(255).map((code) => String.fromCodePoint(code)), maxLength: 300 })
  .map((text) => raw('noise', text, { hangsUp: true }));

const oversized = fc.constantFrom(
  raw('17 MiB said', post(`Content-Length: ${17 * 1_024 * 1_024}\r\n`, '{"events":[')),
  raw(
    '17 MiB sent',
    post(`Content-Length: ${17 * 1_024 * 1_024}\r\n`, 'x'.repeat(17 * 1_024 * 1_024)),
  ),
);

const drip = fc.constant(raw('a slow drip', get, { drips: true }));

export const rawPlans: fc.Arbitrary<RawPlan> = fc
  .tuple(
    fc.oneof(
      {
        weight: 40,
        arbitrary: fc
          .tuple(fc.nat(100_000), fc.nat(99))
          .map(([n, at]) => ambiguous(n)[at % ambiguous(n).length]!)
          .map(([what, text]) => raw(what, text)),
      },
      {
        weight: 40,
        arbitrary: fc.constantFrom(...MALFORMED).map(([what, text]) => raw(what, text)),
      },
      { weight: 20, arbitrary: half },
      { weight: 10, arbitrary: noise },
      { weight: 1, arbitrary: oversized },
      { weight: 1, arbitrary: drip },
    ),
    tenant,
  )
  .map(([plan, of]) => ({ ...plan, tenant: of }));
