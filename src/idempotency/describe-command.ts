import type { OpenAPIObject } from '@nestjs/swagger';

type Operation = NonNullable<OpenAPIObject['paths'][string]['post']>;

const HEADER = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description:
    'Makes it safe to send the command again: for 30 days the same key and request get the first ' +
    'answer, with `Idempotency-Replayed: true` and without secrets. Answers that ask for a ' +
    'correction of form or another try (400, 401, 403, 408, 429, 5xx, `validation_failed`) are not kept. Of an answer that ' +
    'told of a customer who was erased meanwhile, `{"erased":true}` is left.',
  schema: { type: 'string', minLength: 1, maxLength: 255, pattern: '^[!-~]+$' },
} as const;

const PROBLEM = {
  'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } },
} as const;

/** Says in an operation's description what an idempotency key does to it. */
export function describeCommand(operation: Operation): void {
  operation.parameters = [...(operation.parameters ?? []), HEADER];
  operation.responses = {
    ...operation.responses,
    409: {
      description: '`idempotency_key_in_use`, or a refusal of its own',
      content: PROBLEM,
      ...operation.responses['409'],
    },
    422: {
      description: '`idempotency_key_reused`, or what is wrong with the request',
      content: PROBLEM,
      ...operation.responses['422'],
    },
  };
}
