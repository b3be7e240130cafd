import { parseSync } from 'libpg-query';
import { HOLE } from './source-sql.js';
import type { Node } from './sql-nodes.js';

/** What may stand where only the running program knows what stands; the first that parses is taken. */
const FILLS = ['', 'true', 'x', '1', ', x', 'AND true', 'tenant_id', 'usage_total', 'usage_entry'];
const ROWS = 'SELECT * FROM usage_entry WHERE tenant_id = $1';
const HOLES_MAX = 3;

/** @returns The statements of a text, or nothing where no filling of its holes is SQL. */
export function parsed(text: string): Node[] | undefined {
  const known = text
    .replaceAll(new RegExp(`\\(\\s*${HOLE}\\s*\\)`, 'g'), `(${ROWS})`)
    .replaceAll(new RegExp(`\\(%\\)`, 'g'), `(${ROWS})`)
    .replaceAll(new RegExp(`${HOLE}(?= AS )`, 'g'), 'x')
    .replaceAll(new RegExp(`\\bFROM ${HOLE}`, 'g'), 'FROM usage_total');
  const parts = known.split(HOLE);
  for (const filled of [asItStands(parts), ...FILLS.map((fill) => parts.join(fill))]) {
    const statements = read(filled) ?? read(`${filled} SELECT 1`);
    if (statements !== undefined) return statements;
  }
  return parts.length - 1 > HOLES_MAX ? undefined : filledOneByOne(parts);
}

/** A column where one must stand, and nothing elsewhere. */
function asItStands(parts: readonly string[]): string {
  let text = parts[0]!;
  for (const part of parts.slice(1)) {
    const isColumn = /(?:SELECT|BY|,|\(|=)\s*$/.test(text) || /^\s*(?:,|=|\.)/.test(part);
    text += (isColumn ? 'x' : '') + part;
  }
  return text;
}

function filledOneByOne(parts: readonly string[]): Node[] | undefined {
  let texts = [parts[0]!];
  for (const part of parts.slice(1)) {
    texts = texts.flatMap((text) => FILLS.map((fill) => text + fill + part));
  }
  for (const text of texts) {
    const statements = read(text);
    if (statements !== undefined) return statements;
  }
  return undefined;
}

function read(sql: string): Node[] | undefined {
  try {
    return (parseSync(sql) as Node).stmts?.map(({ stmt }: Node) => stmt) ?? [];
  } catch {
    return undefined;
  }
}
