import type { Placement } from '../../src/commands/distribute/placement.js';
import { columnPath, functionName, tenantOf, walk, type Node } from './sql-nodes.js';
import { Equalities, KNOWN, type Relation, type Scope } from './sql-scope.js';

/** What Citus refuses, or cannot send to one shard; the words are ours, docs/distributed.md says whose. */
export type Rule =
  /** Reads more than one tenant; allowed, but every shard is asked. */
  | 'reads-across-tenants'
  | 'writes-across-tenants'
  /** It follows that a table is read for one tenant, and its own query does not say so. */
  | 'tenant-not-said'
  | 'locks-across-tenants'
  | 'joins-not-by-tenant'
  | 'joins-local-table'
  /** An INSERT among others in one statement: each goes by itself, one after the other. */
  | 'inserts-in-expression'
  | 'expression-before-insert'
  /** An INSERT of what a SELECT gives, by COPY into the shard, which row-level security refuses. */
  | 'insert-by-copy'
  | 'select-inside-values'
  | 'changing-function-in-update'
  | 'changing-function-in-where'
  | 'changing-function-in-conflict'
  | 'changing-function-in-returning'
  | 'changing-function-in-choice'
  | 'advisory-lock-elsewhere'
  | 'set-config'
  | 'physical-row'
  | 'moves-tenant'
  | 'whole-table'
  | 'detach-concurrently'
  | 'session-setting'
  /** A SET in a text of several statements: Citus sends the whole text to the workers. */
  | 'set-among-others';

export interface Found {
  readonly rule: Rule;
  readonly about: string;
}

/** What the rules must know of the database. */
export interface Catalog {
  /** Of each table of ours; none for others, which are PostgreSQL's own. */
  placementOf(table: string): Placement | undefined;
  /** `volatile` or `stable` where a function of that name may be so, `immutable` else. */
  volatilityOf(name: string): 'volatile' | 'stable' | 'immutable';
}

const ACROSS: ReadonlySet<Rule> = new Set(['reads-across-tenants', 'writes-across-tenants']);

/** Holds one statement, as PostgreSQL's parser reads it, against the rules. */
export class StatementCheck {
  private readonly found = new Map<string, Found>();
  private readonly equal = new Equalities();
  private readonly tables: (Relation & {
    readonly placement: Placement;
    readonly isInserted?: boolean;
  })[] = [];
  private writes = false;

  /**
   * @param here Whether of the tenant counts only what PostgreSQL tells Citus of each table when it plans:
   * what is equal within one query. A column of the query around it is a parameter of no known value, and
   * so is one that comes out of a sub-select which is planned by itself.
   */
  constructor(
    private readonly catalog: Catalog,
    private readonly here = false,
  ) {}

  run(statement: Node): Found[] {
    this.whole(statement);
    this.query(statement, undefined);
    this.joins();
    if (!this.here && ![...this.found.values()].some(({ rule }) => ACROSS.has(rule))) {
      const unsaid = new StatementCheck(this.catalog, true).unsaid(statement);
      for (const table of unsaid) this.tell('tenant-not-said', table);
    }
    return [...this.found.values()];
  }

  private unsaid(statement: Node): string[] {
    this.query(statement, undefined);
    return this.tables
      .filter(({ placement, isInserted, tenant }) => {
        return placement === 'distributed' && isInserted !== true && !this.equal.isKnown(tenant!);
      })
      .map(({ table }) => table!);
  }

  private tenantOf(node: Node, scope: Scope | undefined): string | undefined {
    return tenantOf(node, scope, this.here);
  }

  private tell(rule: Rule, about: string): void {
    this.found.set(`${rule} ${about}`, { rule, about });
  }

  /** What is wrong wherever it stands. */
  private whole(statement: Node): void {
    walk(statement, (node) => {
      const name = functionName(node);
      if (name === 'set_config') this.tell('set-config', name);
      if (/^(?:ctid|xmin|tableoid)$/.test(columnPath(node)?.at(-1) ?? '')) {
        this.tell('physical-row', columnPath(node)!.at(-1)!);
      }
      if (node.TruncateStmt !== undefined || node.LockStmt !== undefined) {
        this.tell('whole-table', node.LockStmt === undefined ? 'TRUNCATE' : 'LOCK');
      }
      if (node.PartitionCmd?.concurrent === true) this.tell('detach-concurrently', 'DETACH');
    });
    const set = statement.VariableSetStmt;
    if (set?.kind === 'VAR_SET_VALUE' && set.is_local !== true) {
      this.tell('session-setting', set.name);
    }
    const cursor = statement.DeclareCursorStmt;
    if (cursor !== undefined) this.query(cursor.query, undefined);
  }

  /**
   * @param index Which column is the `tenant_id`, where that is known by its place.
   * @returns What the query's own `tenant_id` is equal to, where it gives one back.
   */
  private query(node: Node, outer: Scope | undefined, index?: number): string | undefined {
    if (node?.SelectStmt !== undefined) return this.select(node.SelectStmt, outer, index);
    if (node?.InsertStmt !== undefined) return this.insert(node.InsertStmt, outer);
    if (node?.UpdateStmt !== undefined) return this.change(node.UpdateStmt, outer, 'UPDATE');
    if (node?.DeleteStmt !== undefined) return this.change(node.DeleteStmt, outer, 'DELETE');
    return undefined;
  }

  private select(select: Node, outer: Scope | undefined, index?: number): string | undefined {
    const scope = this.scope(select, outer);
    if (select.larg !== undefined) {
      const left = this.select(select.larg, scope, index);
      const right = this.select(select.rarg, scope, index);
      const isKnownBoth =
        left !== undefined && right !== undefined && this.isKnownBoth(left, right);
      if (!isKnownBoth) return left ?? right;
      return this.here ? undefined : KNOWN;
    }
    for (const item of select.fromClause ?? []) this.from(item, scope);
    this.conditions(select.whereClause, scope);
    this.inner(select.targetList, scope);
    this.inner(select.whereClause, scope);
    this.inner([select.havingClause, select.sortClause, select.limitCount], scope);
    this.inner(select.valuesLists, scope);
    this.advisory(select, scope);
    if (select.lockingClause !== undefined) this.locks(select, scope);
    return this.output(select.targetList, scope, index);
  }

  private isKnownBoth(left: string, right: string): boolean {
    return this.equal.isKnown(left) && this.equal.isKnown(right);
  }

  private scope(statement: Node, outer: Scope | undefined): Scope {
    const scope: Scope = { relations: [], outer, expressions: new Map(outer?.expressions) };
    for (const { CommonTableExpr: each } of statement.withClause?.ctes ?? []) {
      const table = each.ctequery.InsertStmt?.relation.relname;
      if (table !== undefined && this.catalog.placementOf(table) === 'distributed') {
        this.tell('inserts-in-expression', table);
      }
      scope.expressions.set(each.ctename, this.query(each.ctequery, scope));
    }
    return scope;
  }

  private from(item: Node, scope: Scope): void {
    if (item.RangeVar !== undefined) this.table(item.RangeVar, scope);
    else if (item.JoinExpr !== undefined) {
      const { larg, rarg, quals, usingClause } = item.JoinExpr;
      const before = scope.relations.length;
      this.from(larg, scope);
      this.from(rarg, scope);
      this.conditions(quals, scope);
      this.inner(quals, scope);
      if (usingClause?.some((name: Node) => name.String.sval === 'tenant_id')) {
        const [first, ...others] = scope.relations.slice(before).filter((each) => each.tenant);
        for (const other of others) this.equal.join(first!.tenant, other.tenant);
      }
    } else if (item.RangeSubselect !== undefined) {
      const { subquery, alias } = item.RangeSubselect;
      // A lateral one sees its neighbours; for the others there is nothing of that name to see.
      const tenant = this.query(subquery, scope);
      const isOne = !this.here || isPulledUp(subquery.SelectStmt);
      scope.relations.push({ alias: alias?.aliasname ?? '', tenant: isOne ? tenant : undefined });
    } else {
      const alias = item.RangeFunction?.alias?.aliasname ?? '';
      this.inner(item, scope);
      scope.relations.push({ alias });
    }
  }

  private table(range: Node, scope: Scope): Relation {
    const { relname, schemaname, alias } = range;
    const name = alias?.aliasname ?? relname;
    if (schemaname === undefined && scope.expressions.has(relname)) {
      const tenant = this.here ? undefined : scope.expressions.get(relname);
      const known: Relation = { alias: name, tenant };
      scope.relations.push(known);
      return known;
    }
    const placement = this.catalog.placementOf(relname);
    const tenant = placement === 'distributed' ? this.equal.fresh(relname) : undefined;
    const relation = { alias: name, table: relname, tenant };
    scope.relations.push(relation);
    if (placement !== undefined) this.tables.push({ ...relation, placement });
    return relation;
  }

  /** Equalities that hold for every row: those joined by AND. */
  private conditions(node: Node, scope: Scope): void {
    if (node === undefined) return;
    if (node.BoolExpr?.boolop === 'AND_EXPR') {
      for (const each of node.BoolExpr.args) this.conditions(each, scope);
      return;
    }
    const expression = node.A_Expr;
    if (expression?.kind === 'AEXPR_OP' && expression.name.at(-1).String.sval === '=') {
      const [left, right] = [itemsOf(expression.lexpr), itemsOf(expression.rexpr)];
      for (const [index, each] of left.entries()) {
        this.equal.join(this.tenantOf(each, scope), this.tenantOf(right[index], scope));
      }
    }
    const sub = node.SubLink;
    if (sub?.subLinkType === 'ANY_SUBLINK' && sub.operName === undefined) {
      const index = itemsOf(sub.testexpr).findIndex(
        (each) => columnPath(each)?.at(-1) === 'tenant_id',
      );
      if (index >= 0) {
        const inner = this.query(sub.subselect, scope);
        this.equal.join(this.tenantOf(itemsOf(sub.testexpr)[index], scope), inner);
      }
    }
  }

  /** Queries inside an expression. */
  private inner(node: Node, scope: Scope): void {
    if (Array.isArray(node)) for (const each of node) this.inner(each, scope);
    else if (node !== null && typeof node === 'object') {
      if (node.SubLink !== undefined) {
        this.query(node.SubLink.subselect, scope);
        this.inner(node.SubLink.testexpr, scope);
      } else for (const each of Object.values(node)) this.inner(each, scope);
    }
  }

  private output(targets: Node[] | undefined, scope: Scope, index?: number): string | undefined {
    const placed = index === undefined ? undefined : targets?.[index]?.ResTarget.val;
    if (placed !== undefined && columnPath(placed)?.at(-1) !== '*')
      return this.tenantOf(placed, scope);
    for (const { ResTarget: target } of targets ?? []) {
      const path = columnPath(target.val);
      if (path?.at(-1) === '*') {
        const star = scope.relations.find(
          ({ alias, tenant }) => tenant !== undefined && (path.length === 1 || alias === path[0]),
        );
        if (star !== undefined) return star.tenant;
      }
      if (
        target.name === 'tenant_id' ||
        (target.name === undefined && path?.at(-1) === 'tenant_id')
      ) {
        return this.tenantOf(target.val, scope);
      }
    }
    return undefined;
  }

  private insert(insert: Node, outer: Scope | undefined): string | undefined {
    this.writes = true;
    const scope = this.scope(insert, outer);
    const target = this.table(insert.relation, scope);
    if (this.here) this.tables.splice(-1, 1, { ...this.tables.at(-1)!, isInserted: true });
    if (target.tenant !== undefined) {
      if (insert.withClause !== undefined) this.tell('expression-before-insert', target.table!);
      const index = (insert.cols ?? []).findIndex(
        (each: Node) => each.ResTarget.name === 'tenant_id',
      );
      const select = insert.selectStmt?.SelectStmt;
      for (const { List: row } of select?.valuesLists ?? []) {
        this.equal.join(target.tenant, this.tenantOf(row.items[index], scope));
        walk(row, (node) => {
          if (node.SubLink !== undefined) this.tell('select-inside-values', target.table!);
        });
      }
      if (select !== undefined && select.valuesLists === undefined) {
        const given = this.query(insert.selectStmt, scope, index);
        this.equal.join(target.tenant, given);
        const isSentWhole =
          given !== undefined && given !== KNOWN && insert.withClause === undefined;
        const isKept = insert.onConflictClause !== undefined || returningOf(insert) !== undefined;
        if (!isSentWhole && !isKept) this.tell('insert-by-copy', target.table!);
      }
      this.conflict(insert.onConflictClause, target.table!);
      this.changing(returningOf(insert), 'changing-function-in-returning', true);
    } else this.query(insert.selectStmt, scope);
    return this.output(returningOf(insert), { ...scope, relations: [target] });
  }

  private conflict(clause: Node, table: string): void {
    if (clause === undefined) return;
    this.changing(
      [clause.targetList, clause.whereClause, clause.infer],
      'changing-function-in-conflict',
      true,
    );
    if (clause.targetList?.some((each: Node) => each.ResTarget.name === 'tenant_id')) {
      this.tell('moves-tenant', table);
    }
  }

  private change(
    statement: Node,
    outer: Scope | undefined,
    verb: 'UPDATE' | 'DELETE',
  ): string | undefined {
    this.writes = true;
    const scope = this.scope(statement, outer);
    const target = this.table(statement.relation, scope);
    for (const item of statement.fromClause ?? statement.usingClause ?? []) this.from(item, scope);
    this.conditions(statement.whereClause, scope);
    this.inner([statement.whereClause, statement.targetList, returningOf(statement)], scope);
    if (target.tenant !== undefined) {
      if (verb === 'UPDATE') {
        this.changing(statement.targetList, 'changing-function-in-update', false);
        if (statement.targetList.some((each: Node) => each.ResTarget.name === 'tenant_id')) {
          this.tell('moves-tenant', target.table!);
        }
      }
      this.changing(statement.whereClause, 'changing-function-in-where', false);
      this.changing(returningOf(statement), 'changing-function-in-returning', true);
      walk([statement.targetList, statement.whereClause], (node) => {
        if (node.CaseExpr === undefined && node.CoalesceExpr === undefined) return;
        this.changing(node, 'changing-function-in-choice', true);
      });
    }
    return this.output(returningOf(statement), scope);
  }

  /** @param stableToo Where even `now()` is refused. */
  private changing(node: Node, rule: Rule, stableToo: boolean): void {
    walk(node, (each) => {
      const name = functionName(each) ?? (each.SQLValueFunction === undefined ? undefined : 'now');
      if (name === undefined) return;
      const volatility = this.catalog.volatilityOf(name);
      if (volatility === 'volatile' || (stableToo && volatility === 'stable'))
        this.tell(rule, name);
    });
  }

  /** A lock of the gate is one only where every taker takes it on the same node. */
  private advisory(select: Node, scope: Scope): void {
    walk(select.targetList, (node) => {
      if (!/^pg_(?:try_)?advisory/.test(functionName(node) ?? '')) return;
      const [first] = scope.relations;
      if (first === undefined) return;
      if (
        first.table !== 'tenant' ||
        first.tenant === undefined ||
        !this.equal.isKnown(first.tenant)
      ) {
        this.tell('advisory-lock-elsewhere', functionName(node)!);
      }
    });
  }

  private locks(select: Node, scope: Scope): void {
    const named = select.lockingClause.flatMap((each: Node) =>
      (each.LockingClause.lockedRels ?? []).map((range: Node) => range.RangeVar.relname),
    );
    for (const { alias, table, tenant } of scope.relations) {
      if (table === undefined || tenant === undefined) continue;
      if (named.length > 0 && !named.includes(alias)) continue;
      if (!this.equal.isKnown(tenant)) this.tell('locks-across-tenants', table);
    }
  }

  private joins(): void {
    const distributed = this.tables.filter(({ placement }) => placement === 'distributed');
    if (distributed.length === 0) return;
    const local = this.tables.filter(({ placement }) => placement === 'local');
    for (const { table } of local) this.tell('joins-local-table', table!);
    const unbound = distributed.filter(({ tenant }) => !this.equal.isKnown(tenant!));
    if (unbound.length === 0) return;
    const roots = new Set(distributed.map(({ tenant }) => this.equal.rootOf(tenant!)));
    const about = [...new Set(unbound.map(({ table }) => table!))].toSorted().join();
    if (roots.size > 1) this.tell('joins-not-by-tenant', about);
    this.tell(this.writes ? 'writes-across-tenants' : 'reads-across-tenants', about);
  }
}

/** Whether PostgreSQL makes one query of a sub-select and of what is around it. */
function isPulledUp(select: Node): boolean {
  const { larg, groupClause, distinctClause, limitCount, limitOffset, withClause } = select;
  const stays = [larg, groupClause, distinctClause, limitCount, limitOffset, withClause];
  let hasWindow = false;
  walk(select.targetList, (node) => {
    if (node.FuncCall?.over !== undefined) hasWindow = true;
  });
  return !hasWindow && stays.every((each) => each === undefined);
}

/** What a writing statement gives back. */
function returningOf(statement: Node): Node[] | undefined {
  return statement.returningClause?.exprs;
}

function itemsOf(node: Node): Node[] {
  return node?.RowExpr === undefined ? [node] : node.RowExpr.args;
}
