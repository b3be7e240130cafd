import { OCTOBER } from '../access/route-recipes.js';
import { OTHER, WORD } from './answered-scene.js';

export interface Asked {
  /** As the OpenAPI document has it. */
  readonly name: string;
  /** `{closeId}` stands for the thing of this name. */
  readonly path: string;
  readonly body?: unknown;
  readonly type?: string;
}

const PERIODS = `/v1/customers/${WORD}/billing-periods`;
const AT = '2025-10-02T00:00:00Z';

/** Beside the recipes: routes that say more, or something else, where they are asked in another way. */
export const OTHERWISE: readonly Asked[] = [
  asked('GET /v1/usage-events', `?usage_event_id=${WORD}`),
  asked('GET /v1/usage-events', '?usage_event_id=second'),
  asked('GET /v1/usage-events', '?limit=1'),
  { name: 'GET /v1/usage-events/{usage_event_id}', path: '/v1/usage-events/late' },
  { name: 'GET /v1/usage-events/{usage_event_id}', path: '/v1/usage-events/second' },
  asked('GET /v1/usage', `?meter=${WORD}&window=day&group_by=region`),
  asked('GET /v1/usage', `?meter=${WORD}&window=period`),
  { name: 'GET /v1/customers/{id}/billing-periods', path: PERIODS },
  {
    name: 'GET /v1/customers/{id}/billing-periods/{period_start}',
    path: `${PERIODS}/${OCTOBER}?meter=${OTHER}`,
  },
  {
    name: 'GET /v1/customers/{id}/billing-periods/{period_start}/usage-events',
    path: `${PERIODS}/${OCTOBER}/usage-events?meter=${OTHER}&revision=1`,
  },
  asked('GET /v1/pushes'),
  {
    name: 'GET /v1/reconciliations/{id}',
    path: '/v1/reconciliations/{reconciliationId}?limit=1',
  },
  {
    name: 'POST /v1/reconciliations/{id}/repairs',
    path: '/v1/reconciliations/{reconciliationId}/repairs',
    body: { dry_run: false },
  },
  asked('POST /v1/usage-events', '', { events: [{ usage_event_id: WORD }, {}] }),
  asked('POST /v1/usage-events', '', { events: [usage('twice', 1), usage('twice', 2)] }),
  asked('POST /v1/usage-events', '', usage('alone', 1)),
  asked('POST /v1/usage-events', '', usage('alone', 1)),
  {
    ...asked('POST /v1/usage-events', '', JSON.stringify(usage('line', 1))),
    type: 'application/x-ndjson',
  },
  asked('POST /v1/usage-events/void', '', { usage_event_id: 'second', reason: 'once more' }),
  asked('POST /v1/voids', '', {
    filter: {
      usage_event_ids: [WORD],
      source: '',
      customer_id: WORD,
      meter: WORD,
      from: AT,
      to: '2026-01-01T00:00:00Z',
      received_from: AT,
      received_to: '2100-01-01T00:00:00Z',
    },
    reason: 'a rehearsal',
    dry_run: true,
  }),
  { name: 'PUT /v1/meters/{key}', path: `/v1/meters/${OTHER}`, body: { unit: 'regions' } },
  {
    name: 'PUT /v1/customers/{id}',
    path: `/v1/customers/${WORD}`,
    body: { billing_period: { interval: 'month', anchor: '2025-10-15T00:00:00Z' } },
  },
  {
    name: 'PUT /v1/customers/{id}/meters/{key}/billing-period',
    path: '/v1/customers/acme/meters/tokens/billing-period',
    body: { source: 'stripe' },
  },
  {
    name: 'POST /v1/customers/{id}/erasures',
    path: '/v1/customers/stork/erasures',
    body: { reason: 'a test' },
  },
  { name: 'POST /v1/customers/{id}/flushes', path: `/v1/customers/${WORD}/flushes`, body: {} },
  asked('POST /v1/period-closes', '', { dry_run: true }),
  asked('POST /v1/api-keys', '', {
    name: 'for a while',
    scopes: ['usage:read'],
    expires_at: '2100-01-01T00:00:00Z',
  }),
];

/** Of a route whose pattern is its path. */
function asked(name: string, query = '', body?: unknown): Asked {
  return { name, path: `${name.split(' ')[1]!}${query}`, ...(body !== undefined && { body }) };
}

function usage(id: string, quantity: number): object {
  return {
    usage_event_id: id,
    customer_id: WORD,
    meter: WORD,
    quantity,
    occurred_at: AT,
    properties: { wet: true },
  };
}
