import { applyDecorators, type Type } from '@nestjs/common';
import { ApiExtraModels, ApiOkResponse, getSchemaPath } from '@nestjs/swagger';

/** A member that a list's answer has beside its page. */
type Extra = Readonly<Record<string, { readonly type: string; readonly minimum?: number }>>;

const NEXT_CURSOR = {
  type: 'string',
  nullable: true,
  description: '`cursor` of the next page; null: this is the last one.',
};

/**
 * Says that a route answers a page of a list.
 *
 * @param row What it is a list of; several where that depends on what was asked for.
 */
export function ApiPage(row: Type | readonly Type[], extra: Extra = {}): MethodDecorator {
  const rows = [row].flat();
  const references = rows.map((each) => ({ $ref: getSchemaPath(each) }));
  const items = references.length === 1 ? references[0]! : { anyOf: references };
  return applyDecorators(
    ApiExtraModels(...rows),
    ApiOkResponse({
      description: 'A page of the list',
      schema: {
        type: 'object',
        required: ['data', 'next_cursor', ...Object.keys(extra)],
        properties: { data: { type: 'array', items }, next_cursor: NEXT_CURSOR, ...extra },
      },
    }),
  );
}
