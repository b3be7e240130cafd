import type { OpenApi, ResponseDescription } from '../generate/operations.js';
import type { Schema } from '../generate/schema-values.js';

/** A document whose answers have no members but those that it describes. */
export function exactly(document: OpenApi): OpenApi {
  return {
    ...document,
    paths: mapped(document.paths, (methods) =>
      mapped(methods, (operation) => ({
        ...operation,
        responses: mapped(operation.responses, exactResponse),
      })),
    ),
    components: { schemas: mapped(document.components?.schemas ?? {}, exactSchema) },
  };
}

function exactResponse(response: ResponseDescription): ResponseDescription {
  if (response.content === undefined) return response;
  const content = mapped(response.content, ({ schema, ...media }) =>
    schema === undefined ? media : { ...media, schema: exactSchema(schema) },
  );
  return { ...response, content };
}

/** Open is only what says so. */
function exactSchema(schema: Schema): Schema {
  const { properties, items, oneOf, anyOf, allOf, additionalProperties } = schema;
  return {
    ...schema,
    ...(properties && {
      properties: mapped(properties, exactSchema),
      additionalProperties: additionalProperties ?? false,
    }),
    ...(typeof additionalProperties === 'object' && {
      additionalProperties: exactSchema(additionalProperties),
    }),
    ...(items && { items: exactSchema(items) }),
    ...(oneOf && { oneOf: oneOf.map(exactSchema) }),
    ...(anyOf && { anyOf: anyOf.map(exactSchema) }),
    ...(allOf && { allOf: allOf.map(exactSchema) }),
  };
}

function mapped<From, To>(
  members: Readonly<Record<string, From>>,
  change: (member: From) => To,
): Record<string, To> {
  return Object.fromEntries(Object.entries(members).map(([name, each]) => [name, change(each)]));
}
