/** What a tenant has that a route can be asked for: `word` is the name of all it named itself. */
export interface Things {
  readonly word: string;
  readonly closeId: string;
  readonly pushId: string;
  readonly reconciliationId: string;
  readonly keyId: string;
  readonly eventId: string;
  readonly quarantinedId: string;
  readonly voidId: string;
  readonly replayId: string;
  readonly approvalId: string;
  readonly erasureId: string;
}

/** How to ask a route for a tenant's things. */
export interface Recipe {
  readonly path: (things: Things) => string;
  readonly body?: (things: Things) => unknown;
  readonly type?: string;
  /** What the tenant itself is answered. */
  readonly own: number;
  /** Where a stranger is not answered 404: it then gets, or makes, something of its own. */
  readonly stranger?: number;
}

export const OCTOBER = '2025-10-01T00:00:00.000Z';
export const STRIPE_KEY = 'sk_test_51WallWallWallWall0one';

const customer = ({ word }: Things): string => `/v1/customers/${word}`;
const sourceOf = ({ word }: Things): string => `${customer({ word } as Things)}/meters/${word}`;
const filter = ({ word }: Things): string => `?meter=${word}&customer_id=${word}`;

/** By route, as the OpenAPI document has it. A route without one fails the test of the wall. */
export const RECIPES: Readonly<Record<string, Recipe>> = {
  'POST /v1/usage-events': {
    path: () => '/v1/usage-events',
    body: ({ word }) => ({
      usage_event_id: `${word}-2`,
      customer_id: word,
      meter: word,
      quantity: 1,
    }),
    own: 201,
    stranger: 422,
  },
  'GET /v1/usage-events': { path: (t) => `/v1/usage-events${filter(t)}`, own: 200 },
  'GET /v1/usage-events/{usage_event_id}': {
    path: ({ word }) => `/v1/usage-events/${word}`,
    own: 200,
  },
  'GET /v1/quarantine': { path: () => '/v1/quarantine', own: 200, stranger: 200 },
  'POST /v1/quarantine/replays': {
    path: () => '/v1/quarantine/replays',
    body: (t) => ({ ids: [t.quarantinedId] }),
    own: 200,
    stranger: 200,
  },
  'DELETE /v1/quarantine/{id}': {
    path: (t) => `/v1/quarantine/${t.quarantinedId}`,
    body: () => ({ reason: 'sent by mistake' }),
    own: 204,
  },
  'POST /v1/usage-events/void': {
    path: () => '/v1/usage-events/void',
    body: ({ word }) => ({ usage_event_id: word, reason: 'counted twice' }),
    own: 200,
  },
  'POST /v1/voids': {
    path: () => '/v1/voids',
    body: ({ word }) => ({ filter: { customer_id: word }, reason: 'a test', dry_run: true }),
    own: 200,
  },
  'GET /v1/voids/{id}': { path: (t) => `/v1/voids/${t.voidId}`, own: 200 },
  'POST /v1/replays': {
    path: () => '/v1/replays',
    body: ({ word }) => ({ mode: 'verify', customer_id: word }),
    // No worker runs that would do it.
    own: 202,
  },
  'GET /v1/replays/{id}': { path: (t) => `/v1/replays/${t.replayId}`, own: 200 },
  'POST /v1/replays/{id}/reversals': {
    path: (t) => `/v1/replays/${t.replayId}/reversals`,
    own: 202,
  },
  'GET /v1/audit-entries': { path: () => '/v1/audit-entries', own: 200, stranger: 200 },
  'GET /v1/usage': { path: (t) => `/v1/usage${filter(t)}`, own: 200 },
  'PUT /v1/meters/{key}': {
    path: ({ word }) => `/v1/meters/${word}`,
    body: () => ({ aggregation: 'sum', unit: 'feathers', push: 'off' }),
    own: 200,
    stranger: 201,
  },
  'GET /v1/meters/{key}': { path: ({ word }) => `/v1/meters/${word}`, own: 200 },
  'DELETE /v1/meters/{key}': { path: ({ word }) => `/v1/meters/${word}_unused`, own: 204 },
  'GET /v1/meters': { path: () => '/v1/meters', own: 200, stranger: 200 },
  'PUT /v1/customers': {
    path: () => '/v1/customers',
    body: ({ word }) => `${JSON.stringify({ customer_id: word, name: 'A bird' })}\n`,
    type: 'application/x-ndjson',
    own: 200,
    stranger: 200,
  },
  'GET /v1/customers': { path: () => '/v1/customers', own: 200, stranger: 200 },
  'PUT /v1/customers/{id}': {
    path: customer,
    body: ({ word }) => ({ name: 'Another bird', aliases: [`${word}-alias`] }),
    own: 200,
    stranger: 201,
  },
  'GET /v1/customers/{id}': { path: customer, own: 200 },
  'GET /v1/customers/{id}/billing-periods': {
    path: (t) => `${customer(t)}/billing-periods?meter=${t.word}`,
    own: 200,
  },
  'GET /v1/customers/{id}/billing-periods/{period_start}': {
    path: (t) => `${customer(t)}/billing-periods/${OCTOBER}?meter=${t.word}`,
    own: 200,
  },
  'GET /v1/customers/{id}/billing-periods/{period_start}/usage-events': {
    path: (t) => `${customer(t)}/billing-periods/${OCTOBER}/usage-events?meter=${t.word}`,
    own: 200,
  },
  // A push of it is not known to have arrived.
  'POST /v1/customers/{id}/erasures': {
    path: (t) => `${customer(t)}/erasures`,
    body: () => ({ reason: 'it was asked for' }),
    own: 409,
  },
  'GET /v1/erasures/{id}': { path: (t) => `/v1/erasures/${t.erasureId}`, own: 200 },
  'PUT /v1/customers/{id}/meters/{key}/billing-period': {
    path: (t) => `${sourceOf(t)}/billing-period`,
    body: () => ({ source: 'schedule' }),
    own: 200,
  },
  'GET /v1/customers/{id}/meters/{key}/billing-period': {
    path: (t) => `${sourceOf(t)}/billing-period`,
    own: 200,
  },
  // Of the other meter: no worker runs that would plan what this one owes.
  'POST /v1/customers/{id}/flushes': {
    path: (t) => `${customer(t)}/flushes`,
    body: ({ word }) => ({ meter: `${word}_unused` }),
    own: 200,
  },
  'POST /v1/period-closes': {
    path: () => '/v1/period-closes',
    body: ({ word }) => ({ customer_id: word, meter: word }),
    own: 200,
  },
  'GET /v1/period-closes/{id}': { path: (t) => `/v1/period-closes/${t.closeId}`, own: 200 },
  'GET /v1/pushes': { path: (t) => `/v1/pushes${filter(t)}`, own: 200, stranger: 200 },
  'GET /v1/pushes/{identifier}': { path: (t) => `/v1/pushes/${t.pushId}`, own: 200 },
  'POST /v1/pushes/{identifier}/resolutions': {
    path: (t) => `/v1/pushes/${t.pushId}/resolutions`,
    body: () => ({ as: 'delivered', reason: 'seen in the dashboard' }),
    own: 200,
  },
  'POST /v1/reconciliations': {
    path: () => '/v1/reconciliations',
    body: ({ word }) => ({ customer_id: word }),
    own: 200,
  },
  'GET /v1/reconciliations': { path: () => '/v1/reconciliations', own: 200, stranger: 200 },
  'GET /v1/reconciliations/{id}': {
    path: (t) => `/v1/reconciliations/${t.reconciliationId}`,
    own: 200,
  },
  'POST /v1/reconciliations/{id}/repairs': {
    path: (t) => `/v1/reconciliations/${t.reconciliationId}/repairs`,
    body: () => ({}),
    own: 200,
  },
  'PUT /v1/stripe-account': {
    path: () => '/v1/stripe-account',
    body: () => ({ secret_key: STRIPE_KEY }),
    own: 200,
    stranger: 200,
  },
  'GET /v1/stripe-account': { path: () => '/v1/stripe-account', own: 200 },
  'DELETE /v1/stripe-account': { path: () => '/v1/stripe-account', own: 204 },
  'GET /v1/stripe-events': { path: () => '/v1/stripe-events', own: 200, stranger: 200 },
  'GET /v1/stripe-events/{id}': { path: (t) => `/v1/stripe-events/${t.eventId}`, own: 200 },
  'POST /v1/stripe-events/{id}/retries': {
    path: (t) => `/v1/stripe-events/${t.eventId}/retries`,
    own: 202,
  },
  'POST /v1/api-keys': {
    path: () => '/v1/api-keys',
    body: () => ({ name: 'reader', scopes: ['admin'] }),
    own: 201,
    stranger: 201,
  },
  'GET /v1/api-keys': { path: () => '/v1/api-keys', own: 200, stranger: 200 },
  'POST /v1/api-keys/{id}/rotations': {
    path: (t) => `/v1/api-keys/${t.keyId}/rotations`,
    body: () => ({}),
    own: 201,
  },
  'DELETE /v1/api-keys/{id}': { path: (t) => `/v1/api-keys/${t.keyId}`, own: 204 },
  'GET /v1/approval-policy': { path: () => '/v1/approval-policy', own: 200, stranger: 200 },
  // Off it stays: under a policy the others would need approvals.
  'PUT /v1/approval-policy': {
    path: () => '/v1/approval-policy',
    body: () => ({ commands: [] }),
    own: 200,
    stranger: 200,
  },
  'GET /v1/approvals': { path: () => '/v1/approvals', own: 200, stranger: 200 },
  // The scope of the command is needed beside that of the route.
  'GET /v1/approvals/{id}': { path: (t) => `/v1/approvals/${t.approvalId}`, own: 403 },
  'POST /v1/approvals/{id}/decisions': {
    path: (t) => `/v1/approvals/${t.approvalId}/decisions`,
    body: () => ({ decision: 'approve', reason: 'looked at it' }),
    own: 403,
  },
  'POST /v1/test-clock': {
    path: () => '/v1/test-clock',
    body: () => ({ now: null }),
    own: 200,
    stranger: 200,
  },
};
