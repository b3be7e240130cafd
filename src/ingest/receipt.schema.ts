import type { ApiResponseOptions } from '@nestjs/swagger';

const TEXT = { type: 'string' } as const;
const COUNT = { type: 'integer', minimum: 0 } as const;

const ERROR = {
  type: 'object',
  required: ['code', 'detail'],
  properties: {
    code: TEXT,
    pointer: { type: 'string', description: 'A JSON pointer into the body as it was sent' },
    detail: TEXT,
    fields: {
      type: ['array', 'null'],
      items: TEXT,
      description: 'Of a conflict: what differs; null where the details are gone',
    },
  },
} as const;

const RESULT = {
  type: 'object',
  required: ['index', 'status'],
  properties: {
    index: COUNT,
    usage_event_id: TEXT,
    status: { type: 'string', enum: ['accepted', 'duplicate', 'conflict', 'rejected'] },
    first_received_at: { type: 'string', format: 'date-time' },
    late: { type: 'boolean' },
    billed_period_start: { type: 'string', format: 'date-time' },
    error: ERROR,
    errors: { type: 'array', items: ERROR },
  },
} as const;

const RECEIPT = {
  type: 'object',
  required: ['accepted', 'duplicate', 'conflict', 'rejected', 'results'],
  properties: {
    accepted: COUNT,
    duplicate: COUNT,
    conflict: COUNT,
    rejected: COUNT,
    results: { type: 'array', items: RESULT },
  },
} as const;

const PROBLEM = { $ref: '#/components/schemas/Problem' } as const;
// Its types know OpenAPI 3.0, where `type` is one.
const json = { schema: RECEIPT } as unknown as { schema: { type: string } };
const problem = { schema: PROBLEM };

/** What becomes of usage events, by status, for `ApiResponse`. */
export const RECEIPT_RESPONSES: readonly ApiResponseOptions[] = [
  {
    status: 200,
    description: 'What became of each; or, of one event alone, that it is a duplicate',
    content: {
      'application/json': json,
      'application/x-ndjson': { schema: { type: 'string' } },
    },
  },
  { status: 201, description: 'One event alone: accepted', content: { 'application/json': json } },
  {
    status: 409,
    description: 'One event alone: its id is taken by another event',
    content: { 'application/problem+json': problem },
  },
  {
    status: 422,
    description: 'Not one event was recorded, or known before; of one event alone, a problem',
    content: { 'application/json': json, 'application/problem+json': problem },
  },
];
