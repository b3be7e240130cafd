/** One relation of one query: a table, a common table expression, a sub-select or a function. */
export interface Relation {
  readonly alias: string;
  /** Where it is a table of ours. */
  readonly table?: string;
  /** What its `tenant_id` is equal to; none where it has no such column. */
  readonly tenant?: string | undefined;
}

/** What a query reads from, and what is around it. */
export interface Scope {
  readonly relations: Relation[];
  readonly outer: Scope | undefined;
  /** Of each common table expression in sight, what its `tenant_id` is equal to. */
  readonly expressions: Map<string, string | undefined>;
}

/** A value that is known before the statement runs: a parameter, a constant, a setting. */
export const KNOWN = 'known';

/** Which columns named `tenant_id` a statement makes equal to one another, or to a known value. */
export class Equalities {
  private readonly parents = new Map<string, string>();
  private count = 0;

  fresh(name: string): string {
    return `${name}#${this.count++}`;
  }

  join(a: string | undefined, b: string | undefined): void {
    if (a === undefined || b === undefined) return;
    const [rootA, rootB] = [this.rootOf(a), this.rootOf(b)];
    if (rootA !== rootB) this.parents.set(rootA, rootB);
  }

  rootOf(node: string): string {
    let at = node;
    for (let up = this.parents.get(at); up !== undefined; up = this.parents.get(at)) at = up;
    return at;
  }

  isKnown(node: string): boolean {
    return this.rootOf(node) === this.rootOf(KNOWN);
  }
}
