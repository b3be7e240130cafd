import { canonicalDecimal } from '../../domain/decimal.js';
import { parseInstant, type Micros } from '../../domain/instant.js';

export type Fields = Readonly<Record<string, unknown>>;

/** A line does not have what its kind of line has: nothing can be made of it. */
export class UnreadableLine extends Error {
  override readonly name = 'UnreadableLine';
}

export function textOf(fields: Fields, name: string): string {
  const value = fields[name];
  if (typeof value === 'string') return value;
  throw new UnreadableLine(`${name} is no text`);
}

export function textOrNull(fields: Fields, name: string): string | null {
  return fields[name] === null ? null : textOf(fields, name);
}

export function flagOf(fields: Fields, name: string): boolean {
  const value = fields[name];
  if (typeof value === 'boolean') return value;
  throw new UnreadableLine(`${name} is neither true nor false`);
}

export function wholeOf(fields: Fields, name: string): number {
  const value = fields[name];
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
  throw new UnreadableLine(`${name} is no whole number`);
}

export function instantOf(fields: Fields, name: string): Micros {
  const at = parseInstant(textOf(fields, name));
  if (at !== undefined) return at;
  throw new UnreadableLine(`${name} is no time`);
}

const DECIMAL = /^-?(?:0|[1-9]\d*)(?:\.\d*[1-9])?$/;

/** Canonical; a sum may have more digits than a quantity. */
export function decimalOf(fields: Fields, name: string): string {
  const text = textOf(fields, name);
  if (DECIMAL.test(text) && text !== '-0') return text;
  throw new UnreadableLine(`${name} is no decimal`);
}

export function decimalOrNull(fields: Fields, name: string): string | null {
  return fields[name] === null ? null : decimalOf(fields, name);
}

export function quantityOf(fields: Fields, name: string): string {
  const text = textOf(fields, name);
  if (canonicalDecimal(text) === text) return text;
  throw new UnreadableLine(`${name} is no quantity`);
}

export function listOf(fields: Fields, name: string): readonly Fields[] {
  const value = fields[name];
  if (Array.isArray(value)) return value.map(asFields);
  throw new UnreadableLine(`${name} is no list`);
}

export function fieldsIn(fields: Fields, name: string): Fields {
  return asFields(fields[name]);
}

function asFields(value: unknown): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw new UnreadableLine('what is to be an object is none');
}
