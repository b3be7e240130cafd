import fc from 'fast-check';
import { token, type Pool } from '../plan.js';
import { sometimes } from './chance.js';
import { oddText } from './odd-values.js';
import type { Operation, Parameter } from './operations.js';
import { textOf } from './schema-values.js';

/** What `{id}` is of, by where it stands. */
const ID_POOLS: readonly (readonly [string, Pool])[] = [
  ['/v1/customers/', 'customer'],
  ['/v1/quarantine/', 'quarantine'],
  ['/v1/voids/', 'void'],
  ['/v1/period-closes/', 'close'],
  ['/v1/replays/', 'replay'],
  ['/v1/reconciliations/', 'reconciliation'],
  ['/v1/api-keys/', 'api_key'],
  ['/v1/stripe-events/', 'stripe_event'],
];

const POOL_OF: Readonly<Record<string, Pool>> = {
  usage_event_id: 'event',
  period_start: 'period',
  identifier: 'push',
  tenant_id: 'tenant',
};

/** Segments as they stand in a URL: what cannot be decoded, what decodes to more, and too much. */
const ODD_SEGMENTS = fc.constantFrom(
  '%',
  '%zz',
  '%0',
  '%00',
  '%2F',
  '%2e%2e',
  '..',
  '.',
  '%ED%A0%80',
  '%C0%AF',
  '%F0%9F%98',
  '%25',
  '+',
  ';x=1',
  ':id',
  '*',
  '\u00e9',
  'x'.repeat(2_048),
  'x'.repeat(2_049),
  'x'.repeat(9_000),
  `%F0%9F%98%80`.repeat(255),
  '00000000-0000-0000-0000-000000000000',
  '00000000-0000-7000-8000-00000000000g',
  '-1',
  '1e3',
);

export function pathOf({ path, method, parameters = [] }: Operation): fc.Arbitrary<string> {
  const segments = path.split('/').map((segment) => {
    const name = /^\{(\w+)\}$/.exec(segment)?.[1];
    return name === undefined ? fc.constant(segment) : segmentOf(name, path, method);
  });
  const query = parameters.filter((parameter) => parameter.in === 'query');
  return fc
    .tuple(fc.tuple(...segments), queryOf(query, path))
    .map(([drawn, text]) => drawn.join('/') + text);
}

function segmentOf(name: string, path: string, method: string): fc.Arbitrary<string> {
  const pool = poolOf(name, path, method);
  const usual = fc.nat(9_999).map((pick) => token(pool, pick));
  const odd = fc.oneof(ODD_SEGMENTS, oddText.map(encoded));
  return sometimes(12, odd, usual);
}

function poolOf(name: string, path: string, method: string): Pool {
  // The meters that usage comes for stay: who archived them early would see nothing of the rest.
  if (name === 'key') return method === 'GET' ? 'meter' : 'own_meter';
  if (name === 'id') return ID_POOLS.find(([start]) => path.startsWith(start))?.[1] ?? 'void';
  return POOL_OF[name] ?? 'event';
}

function queryOf(parameters: readonly Parameter[], path: string): fc.Arbitrary<string> {
  const members = parameters.map((parameter) => memberOf(parameter));
  const extra = fc.constantFrom(
    'x=1',
    '__proto__=1',
    'limit=1&limit=2',
    'limit=%00',
    'cursor=%F0%9F',
    'filter[region]=eu',
    'filter[__proto__]=1',
    'filter[]=1',
    '&&==',
    '%zz=1',
    `q=${'x'.repeat(20_000)}`,
  );
  const all = path === '/v1/usage' ? [...members, filterMember, filterMember] : members;
  return fc.tuple(fc.tuple(...all), sometimes(94, fc.constant(''), extra)).map(([drawn, more]) => {
    const text = [...drawn, more].filter((part) => part !== '').join('&');
    return text === '' ? '' : `?${text}`;
  });
}

const filterMember = sometimes(
  20,
  fc
    .tuple(fc.constantFrom('region', 'user', 'tier'), fc.constantFrom('eu', 'us', 'u1', 'true'))
    .map(([name, value]) => `filter[${name}]=${value}`),
  fc.constant(''),
);

function memberOf({ name, required, schema = {} }: Parameter): fc.Arbitrary<string> {
  const value = sometimes(12, oddText.map(encoded), usualValue(name, schema));
  const present = value.map((text) => `${name}=${text}`);
  return sometimes(required === true ? 95 : 35, present, fc.constant(''));
}

function usualValue(name: string, schema: Schema): fc.Arbitrary<string> {
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum.map(String));
  if (name === 'limit') return fc.constantFrom('1', '2', '100', '1000', '0', '1001', '-1', '1e2');
  if (name === 'late' || name === 'voided') return fc.constantFrom('true', 'false', '1');
  if (name === 'window') {
    return fc.constantFrom('quarter_hour', 'hour', 'day', 'month', 'period', 'total', 'year');
  }
  if (name === 'status')
    return fc.constantFrom('open', 'closed', 'held', 'pending', 'unknown', 'x');
  return textOf(schema, name).map((text) => (text.startsWith('⟦') ? text : encoded(text)));
}

type Schema = NonNullable<Parameter['schema']>;

/** As a URL has it, lone surrogates included, which no library encodes. */
export function encoded(text: string): string {
  return [...text]
    .map((character) => (character.isWellFormed() ? encodeURIComponent(character) : '%ED%A0%80'))
    .join('');
}
