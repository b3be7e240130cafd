import type { OpenAPIObject } from '@nestjs/swagger';
import { DECIMAL_SCHEMA } from '../answers/answer-fields.js';
import { PROBLEMS } from '../problem/codes.js';

type Operation = NonNullable<OpenAPIObject['paths'][string]['get']>;

const TEXT = { type: 'string' } as const;
const STATUS = { type: 'integer', minimum: 400, maximum: 599 } as const;
const INSTANCE = { type: 'string', description: 'Also in our log.' } as const;

const FIELD_ERROR = {
  type: 'object',
  required: ['pointer', 'code', 'detail'] as string[],
  properties: {
    pointer: { type: 'string', description: 'A JSON pointer into the body as it was sent.' },
    code: TEXT,
    detail: TEXT,
  },
} as const;

/** RFC 9457; a code may have members of its own beside these. */
const PROBLEM = {
  type: 'object',
  required: ['type', 'title', 'status', 'detail', 'instance', 'code'],
  additionalProperties: true,
  properties: {
    type: { type: 'string', pattern: '^urn:countonce:problem:' },
    title: TEXT,
    status: STATUS,
    detail: TEXT,
    instance: INSTANCE,
    code: { type: 'string', enum: Object.keys(PROBLEMS), description: 'Stable: decide by it.' },
    errors: { type: 'array', minItems: 1, items: FIELD_ERROR },
  },
};

/** Says once what a problem document is, and what a decimal. */
export function describeShared(document: OpenAPIObject): void {
  document.components = {
    ...document.components,
    schemas: { ...document.components?.schemas, Decimal: DECIMAL_SCHEMA, Problem: PROBLEM },
  };
}

/** Says in an operation that whatever goes wrong is answered as one. */
export function describeProblems(operation: Operation): void {
  operation.responses = {
    ...operation.responses,
    default: {
      description: 'What went wrong',
      content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
    },
  };
}
