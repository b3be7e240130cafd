import fc from 'fast-check';
import type { BodyPlan, HttpPlan, TenantIndex } from '../plan.js';
import { sometimes } from './chance.js';
import { authorization, bomb, coding, contentType, idempotencyKey, oddHeaders } from './headers.js';
import { toText } from './loose-json.js';
import { oddValue } from './odd-values.js';
import { isTried, operationsOf, type OpenApi, type Operation } from './operations.js';
import { pathOf } from './paths.js';
import { breakText, SchemaValues } from './schema-values.js';
import { signature, stripeEventText } from './stripe-events.js';
import { usageBody } from './usage-events.js';

const USAGE = 'POST /v1/usage-events';

/** Out of a hundred operations, on average; what is not named shares the rest evenly. */
const SHARES: Readonly<Record<string, number>> = {
  [USAGE]: 1_300,
  'POST /v1/usage-events/void': 120,
  'POST /v1/webhooks/stripe': 80,
  'GET /v1/usage': 100,
  'PUT /v1/customers': 40,
  // These wait for something, or look at everything there is.
  'POST /v1/customers/{id}/flushes': 3,
  'POST /v1/replays': 6,
  'POST /v1/replays/{id}/reversals': 4,
  'POST /v1/period-closes': 12,
  'POST /v1/reconciliations': 6,
  'POST /v1/reconciliations/{id}/repairs': 4,
  'POST /v1/quarantine/replays': 10,
  'POST /v1/voids': 15,
  // Whoever turns the clock far ahead closes all that is sent from then on.
  'POST /v1/test-clock': 2,
};
const USUAL_SHARE = 30;

interface Draft {
  readonly type: string;
  readonly text: string;
}

/** Requests of every operation of a document, right, nearly right and wrong. */
export function httpPlans(document: OpenApi): fc.Arbitrary<HttpPlan> {
  const values = new SchemaValues(document.components?.schemas ?? {});
  const operations = operationsOf(document)
    .filter(isTried)
    .map((operation) => ({
      weight: SHARES[operation.name] ?? USUAL_SHARE,
      arbitrary: planOf(operation, values),
    }));
  return fc.oneof({ weight: 40, arbitrary: strayPlan }, ...operations);
}

/** Every method on every path, and paths that there are not. */
const strayPlan: fc.Arbitrary<HttpPlan> = fc
  .tuple(
    fc.constantFrom(
      'GET',
      'PUT',
      'POST',
      'DELETE',
      'PATCH',
      'OPTIONS',
      'HEAD',
      'TRACE',
      'PROPFIND',
    ),
    fc.constantFrom(
      '/',
      '/v1',
      '/v1/',
      '/v1/usage-events/',
      '//v1/usage-events',
      '/v1/../v1/usage-events',
      '/V1/usage-events',
      '/v1/usage-events',
      '/v1/customers/x',
      '/v1/nothing',
      '/openapi.json',
      '/docs',
      '/docs/..%2f..%2fpackage.json',
      '/docs/__proto__',
      '/docs/swagger-ui.css',
      '/metrics',
      '/health/ready',
      '/health/live',
      '/%',
      '/%00',
      '*',
      'http://elsewhere.example/v1/usage-events',
    ),
    authorization,
    fc.constantFrom<0 | 1>(0, 1),
  )
  .map(([method, path, auth, tenant]) => ({
    kind: 'http',
    operation: 'stray',
    tenant,
    method,
    path,
    headers: auth === undefined ? {} : { authorization: auth },
    body: undefined,
  }));

function planOf(operation: Operation, values: SchemaValues): fc.Arbitrary<HttpPlan> {
  return fc
    .record({
      tenant: fc.constantFrom<TenantIndex>(0, 0, 1),
      path: pathOf(operation),
      draft: draftOf(operation, values),
      headers: headersOf(operation),
      auth: authorization,
      coding,
      bomb,
    })
    .chain(({ tenant, path, draft, headers, auth, coding, bomb }) =>
      typeOf(draft).map((type): HttpPlan => {
        const body: BodyPlan | undefined =
          draft === undefined
            ? undefined
            : { text: draft.text, coding: bomb ? 'gzip-bomb' : coding };
        return {
          kind: 'http',
          operation: operation.name,
          tenant,
          method: operation.method,
          path,
          headers: {
            ...headers,
            ...(auth !== undefined && { authorization: auth }),
            ...(body !== undefined && type !== undefined && { 'content-type': type }),
          },
          body,
        };
      }),
    );
}

function typeOf(draft: Draft | undefined): fc.Arbitrary<string | undefined> {
  return draft === undefined ? fc.constant(undefined) : contentType(draft.type);
}

function draftOf(operation: Operation, values: SchemaValues): fc.Arbitrary<Draft | undefined> {
  const { name, path, requestBody } = operation;
  if (name === USAGE) return sometimes(1, fc.constant(undefined), broken(usageBody));
  if (path.startsWith('/v1/webhooks/')) return broken(stripeEventText.map(asJson));
  const schema = requestBody?.content['application/json']?.schema;
  if (name === 'PUT /v1/customers') return broken(customerLines(values));
  if (schema !== undefined) {
    const drafts = broken(values.valueOf(schema, 'body').map((body) => asJson(toText(body))));
    return sometimes(3, fc.constant(undefined), drafts);
  }
  // Who sends a body where none is read is not to find out more than that.
  return sometimes(4, oddValue.map(toText).map(asJson), fc.constant(undefined));
}

function customerLines(values: SchemaValues): fc.Arbitrary<Draft> {
  const customer = values.valueOf({ $ref: '#/components/schemas/PutCustomerDto' }, 'body');
  return fc.array(fc.tuple(customer, fc.nat(60)), { maxLength: 12 }).map((lines) => ({
    type: 'application/x-ndjson',
    text: lines
      .map(([line, n]) =>
        typeof line === 'object' && line !== null && !Array.isArray(line)
          ? toText({ ...(line as object), customer_id: `cus_${n}` })
          : toText(line),
      )
      .join('\n'),
  }));
}

function headersOf({ name, parameters = [] }: Operation): fc.Arbitrary<Record<string, string>> {
  const known = parameters.filter((parameter) => parameter.in === 'header');
  const isCommand = known.some((parameter) => parameter.name === 'Idempotency-Key');
  const isWebhook = known.some((parameter) => parameter.name === 'Stripe-Signature');
  const key = sometimes(isCommand ? 30 : 2, idempotencyKey, fc.constant(undefined));
  const signed = isWebhook ? signature : fc.constant(undefined);
  const odd = sometimes(4, oddHeaders, fc.constant({}));
  return fc.tuple(key, signed, odd).map(([idempotency, stripe, others]) => ({
    ...others,
    ...(idempotency !== undefined && name !== '' && { 'idempotency-key': idempotency }),
    ...(stripe !== undefined && { 'stripe-signature': stripe }),
  }));
}

function asJson(text: string): Draft {
  return { type: 'application/json', text };
}

function broken(drafts: fc.Arbitrary<Draft>): fc.Arbitrary<Draft> {
  return drafts.chain(({ type, text }) => breakText(text).map((next) => ({ type, text: next })));
}
