import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const BEGINS_AS_SQL =
  /^\s*(?:WITH|SELECT|INSERT INTO|UPDATE|DELETE FROM|SET|LOCK|TRUNCATE|DECLARE|FETCH|CLOSE|MERGE|COPY|ALTER|VACUUM|SAVEPOINT|RELEASE|BEGIN|REVOKE|GRANT|CREATE|DROP|DO \$)\b/;
const VARIANTS_MAX = 24;
const DEPTH_MAX = 12;

/** Stands for a part of a text that only the running program knows. */
export const HOLE = '\u0000';

/** One SQL text of the product's source, with all that it may come to. */
export interface SourceSql {
  /** As `src/usage/fold.ts`. */
  readonly file: string;
  readonly variants: readonly string[];
}

type Bindings = ReadonlyMap<string, readonly string[]>;

interface Module {
  readonly source: ts.SourceFile;
  readonly consts: Map<string, ts.Expression>;
  readonly functions: Map<string, ts.SignatureDeclaration & { body?: ts.Node | undefined }>;
  /** Of each imported name: where it is from, and its name there. */
  readonly imports: Map<string, { readonly path: string; readonly name: string }>;
}

const modules = new Map<string, Module>();

/** Every SQL text in `src`, with the constants and functions that it is put together from. */
export function sourceSql(folder = 'src'): SourceSql[] {
  const files = readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .toSorted();
  const found: SourceSql[] = [];
  for (const name of files) {
    const path = join(ROOT, folder, name);
    const module = moduleAt(path);
    const visit = (node: ts.Node): void => {
      const variants = isText(node) && mayBegin(node) ? valuesOf(node, module, new Map(), 0) : [];
      if (variants.some((text) => BEGINS_AS_SQL.test(text))) {
        found.push({
          file: relative(ROOT, path),
          variants,
        });
      }
      ts.forEachChild(node, visit);
    };
    visit(module.source);
  }
  return found;
}

function moduleAt(path: string): Module {
  const known = modules.get(path);
  if (known !== undefined) return known;
  const text = readFileSync(path, 'utf8');
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const module: Module = { source, consts: new Map(), functions: new Map(), imports: new Map() };
  modules.set(path, module);
  const visit = (node: ts.Node): void => {
    if (ts.isVariableDeclaration(node) && ts.isIdentifier(node.name) && node.initializer) {
      const { initializer } = node;
      if (ts.isArrowFunction(initializer)) module.functions.set(node.name.text, initializer);
      else module.consts.set(node.name.text, initializer);
    }
    if ((ts.isFunctionDeclaration(node) || ts.isMethodDeclaration(node)) && node.name) {
      module.functions.set(node.name.getText(), node);
    }
    if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
      const named = node.importClause?.namedBindings;
      const from = node.moduleSpecifier.text;
      if (from.startsWith('.') && named && ts.isNamedImports(named)) {
        for (const { name, propertyName } of named.elements) {
          const target = join(dirname(path), from.replace(/\.js$/, '.ts'));
          module.imports.set(name.text, { path: target, name: (propertyName ?? name).text });
        }
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return module;
}

function isText(node: ts.Node): node is ts.StringLiteralLike | ts.TemplateExpression {
  return ts.isStringLiteralLike(node) || ts.isTemplateExpression(node);
}

/** By itself, or by what stands in its first hole. */
function mayBegin(node: ts.StringLiteralLike | ts.TemplateExpression): boolean {
  const text = ts.isTemplateExpression(node) ? node.head.text : node.text;
  return BEGINS_AS_SQL.test(`${text} x`) || (text.trim() === '' && ts.isTemplateExpression(node));
}

function valuesOf(node: ts.Node, module: Module, bound: Bindings, depth: number): string[] {
  if (depth > DEPTH_MAX) return [HOLE];
  const values = (part: ts.Node): string[] => valuesOf(part, module, bound, depth + 1);
  if (ts.isStringLiteralLike(node)) return [node.text];
  if (ts.isNumericLiteral(node)) return [String(Number(node.text.replaceAll('_', '')))];
  if (ts.isTemplateExpression(node)) {
    let whole = [node.head.text];
    for (const span of node.templateSpans) {
      whole = products(
        whole,
        values(span.expression).map((value) => value + span.literal.text),
      );
    }
    return whole;
  }
  if (ts.isParenthesizedExpression(node) || ts.isAsExpression(node)) return values(node.expression);
  if (ts.isNonNullExpression(node) || ts.isSatisfiesExpression(node))
    return values(node.expression);
  if (ts.isConditionalExpression(node)) {
    return some([...values(node.whenTrue), ...values(node.whenFalse)]);
  }
  if (ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.PlusToken) {
    return products(values(node.left), values(node.right));
  }
  if (ts.isIdentifier(node)) return ofName(node, module, bound, depth);
  if (ts.isPropertyAccessExpression(node) || ts.isElementAccessExpression(node)) {
    return ofMember(node, module, bound, depth);
  }
  if (ts.isCallExpression(node)) return ofCall(node, module, bound, depth);
  return [HOLE];
}

function ofName(node: ts.Identifier, module: Module, bound: Bindings, depth: number): string[] {
  const given = bound.get(node.text);
  if (given !== undefined) return [...given];
  const value = module.consts.get(node.text);
  if (value !== undefined) return valuesOf(value, module, bound, depth + 1);
  const imported = module.imports.get(node.text);
  if (imported === undefined) return ofType(node);
  const other = moduleAt(imported.path);
  const there = other.consts.get(imported.name);
  return there === undefined ? [HOLE] : valuesOf(there, other, new Map(), depth + 1);
}

/** What a parameter may be, where its type says so: `'asc' | 'desc'`. */
function ofType(name: ts.Identifier): string[] {
  for (let at: ts.Node = name; at !== undefined; at = at.parent) {
    if (!ts.isFunctionLike(at)) continue;
    const type = at.parameters.find((each) => each.name.getText() === name.text)?.type;
    if (type === undefined) continue;
    const members = ts.isUnionTypeNode(type) ? [...type.types] : [type];
    const texts = members.flatMap((each) =>
      ts.isLiteralTypeNode(each) && ts.isStringLiteral(each.literal) ? [each.literal.text] : [],
    );
    return texts.length === members.length ? texts : [HOLE];
  }
  return [HOLE];
}

function ofMember(
  node: ts.PropertyAccessExpression | ts.ElementAccessExpression,
  module: Module,
  bound: Bindings,
  depth: number,
): string[] {
  if (!ts.isIdentifier(node.expression)) return [HOLE];
  let holder: Module = module;
  let object = module.consts.get(node.expression.text);
  const imported = module.imports.get(node.expression.text);
  if (object === undefined && imported !== undefined) {
    holder = moduleAt(imported.path);
    object = holder.consts.get(imported.name);
  }
  while (object && (ts.isAsExpression(object) || ts.isSatisfiesExpression(object))) {
    object = object.expression;
  }
  if (object === undefined || !ts.isObjectLiteralExpression(object)) return [HOLE];
  const wanted = ts.isPropertyAccessExpression(node) ? node.name.text : undefined;
  const members = object.properties.filter(ts.isPropertyAssignment);
  const chosen = members.filter((each) => wanted === undefined || each.name.getText() === wanted);
  return chosen.length === 0
    ? [HOLE]
    : some(chosen.flatMap((each) => valuesOf(each.initializer, holder, bound, depth + 1)));
}

function ofCall(node: ts.CallExpression, module: Module, bound: Bindings, depth: number): string[] {
  const called = node.expression;
  if (ts.isPropertyAccessExpression(called) && called.name.text === 'join') {
    return ofJoin(called.expression, node.arguments[0], module, bound, depth);
  }
  if (!ts.isIdentifier(called)) return [HOLE];
  const imported = module.imports.get(called.text);
  const holder = imported === undefined ? module : moduleAt(imported.path);
  const made = holder.functions.get(imported?.name ?? called.text);
  if (made?.body === undefined) return [HOLE];
  const inner = new Map<string, string[]>();
  for (const [index, { name, initializer }] of made.parameters.entries()) {
    const argument = node.arguments[index];
    if (!ts.isIdentifier(name)) continue;
    if (argument !== undefined) inner.set(name.text, valuesOf(argument, module, bound, depth + 1));
    else if (initializer !== undefined) {
      inner.set(name.text, valuesOf(initializer, holder, new Map(), depth + 1));
    }
  }
  if (!ts.isBlock(made.body)) return valuesOf(made.body, holder, inner, depth + 1);
  const results: string[] = [];
  const visit = (at: ts.Node): void => {
    if (ts.isReturnStatement(at) && at.expression !== undefined) {
      results.push(...valuesOf(at.expression, holder, inner, depth + 1));
    }
    if (!ts.isFunctionLike(at)) ts.forEachChild(at, visit);
  };
  visit(made.body);
  return results.length === 0 ? [HOLE] : some(results);
}

/** `[a, b].join(', ')`; of a list that is made while running, a hole. */
function ofJoin(
  list: ts.Expression,
  separator: ts.Expression | undefined,
  module: Module,
  bound: Bindings,
  depth: number,
): string[] {
  const array = ts.isIdentifier(list) ? (module.consts.get(list.text) ?? list) : list;
  const elements = ts.isAsExpression(array) ? array.expression : array;
  if (!ts.isArrayLiteralExpression(elements)) return [HOLE];
  const between = separator === undefined ? [','] : valuesOf(separator, module, bound, depth + 1);
  let whole: string[] = [];
  for (const [index, element] of elements.elements.entries()) {
    const values = valuesOf(element, module, bound, depth + 1);
    whole = index === 0 ? values : products(products(whole, between), values);
  }
  return whole.length === 0 ? [''] : whole;
}

function products(left: readonly string[], right: readonly string[]): string[] {
  return some(left.flatMap((a) => right.map((b) => a + b)));
}

function some(values: readonly string[]): string[] {
  return [...new Set(values)].slice(0, VARIANTS_MAX);
}
