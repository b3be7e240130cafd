import { applyDecorators } from '@nestjs/common';
import { ApiExtraModels, ApiResponse, getSchemaPath } from '@nestjs/swagger';
import { ReceiptAnswer, ReceiptOfOneAnswer } from './receipt.answer.js';

const batch = { schema: { $ref: getSchemaPath(ReceiptAnswer) } };
const one = { schema: { $ref: getSchemaPath(ReceiptOfOneAnswer) } };
const problem = { schema: { $ref: '#/components/schemas/Problem' } };

/** Says what becomes of usage events, by status. */
export function ApiReceipts(): MethodDecorator {
  return applyDecorators(
    ApiExtraModels(ReceiptAnswer, ReceiptOfOneAnswer),
    ApiResponse({
      status: 200,
      description: 'What became of each; or, of one event alone, that it is a duplicate',
      content: {
        'application/json': { schema: { anyOf: [batch.schema, one.schema] } },
        'application/x-ndjson': {
          schema: {
            type: 'string',
            description: 'A result a line, in order, and a last line `{"done":true,…counts}`',
          },
        },
      },
    }),
    ApiResponse({
      status: 201,
      description: 'One event alone: accepted',
      content: { 'application/json': one },
    }),
    ApiResponse({
      status: 409,
      description: 'One event alone: its id is taken by another event',
      content: { 'application/problem+json': problem },
    }),
    ApiResponse({
      status: 422,
      description: 'Not one event was recorded, or known before; of one event alone, a problem',
      content: { 'application/json': batch, 'application/problem+json': problem },
    }),
  );
}
