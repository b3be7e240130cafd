import type { Schema } from './schema-values.js';

export interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly schema?: Schema;
}

interface Content {
  readonly schema?: Schema;
}

export interface ResponseDescription {
  readonly content?: Readonly<Record<string, Content>>;
}

interface OperationDescription {
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, Content>> };
  readonly responses: Readonly<Record<string, ResponseDescription>>;
}

/** What of an OpenAPI document is read here. */
export interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, OperationDescription>>>>;
  readonly components?: { readonly schemas?: Readonly<Record<string, Schema>> };
}

export interface Operation extends OperationDescription {
  /** `POST /v1/voids` */
  readonly name: string;
  readonly method: string;
  readonly path: string;
}

export function operationsOf(document: OpenApi): Operation[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      ...operation,
      name: `${method.toUpperCase()} ${path}`,
      method: method.toUpperCase(),
      path,
    })),
  );
}

/**
 * Left alone: an erasure takes texts out of the ledger by which a verdict is held against it, and
 * what is said of it has tests of its own.
 */
const LEFT_ALONE = /\/erasures$/;

export function isTried({ path }: Operation): boolean {
  return !LEFT_ALONE.test(path);
}
