import { KNOWN, type Scope } from './sql-scope.js';

/** A node of the parse tree of PostgreSQL's own parser. */
export type Node = any;

/** The names in a reference to a column: `['t', 'tenant_id']`; `*` for a star. */
export function columnPath(node: Node): string[] | undefined {
  const fields: Node[] | undefined = node?.ColumnRef?.fields;
  return fields?.map((field) => (field.A_Star === undefined ? field.String.sval : '*'));
}

/** The name of a called function, without its schema. */
export function functionName(node: Node): string | undefined {
  return node?.FuncCall?.funcname?.at(-1)?.String?.sval;
}

/** Calls `see` with every node below and including this one. */
export function walk(node: Node, see: (node: Node) => void): void {
  if (Array.isArray(node)) for (const each of node) walk(each, see);
  else if (node !== null && typeof node === 'object') {
    see(node);
    for (const each of Object.values(node)) walk(each, see);
  }
}

/**
 * What a `tenant_id` in an expression stands for, seen from inside of a scope.
 *
 * @param here Whether a column of a query around it tells nothing.
 */
export function tenantOf(node: Node, scope: Scope | undefined, here = false): string | undefined {
  if (node === undefined || node === null) return undefined;
  if (node.ParamRef !== undefined || node.A_Const !== undefined) return KNOWN;
  if (node.TypeCast !== undefined) return tenantOf(node.TypeCast.arg, scope, here);
  if (functionName(node) === 'current_setting') return KNOWN;
  const path = columnPath(node);
  if (path?.at(-1) !== 'tenant_id') return undefined;
  for (let at = scope; at !== undefined; at = here ? undefined : at.outer) {
    const found = at.relations.find(({ alias, tenant }) =>
      path.length > 1 ? alias === path.at(-2) : tenant !== undefined,
    );
    if (found !== undefined) return found.tenant;
  }
  return undefined;
}
