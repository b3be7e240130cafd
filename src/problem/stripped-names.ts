import { jsonPointer } from '../domain/json-pointer.js';
import type { FieldError } from './problem.js';

/** Nest's ValidationPipe deletes members of these names, and says nothing. */
const STRIPPED: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

/** Members that would be lost on the way, however deep: a filter without one would match more. */
export function strippedNames(value: unknown, parents: readonly string[] = []): FieldError[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, member]) => {
    const path = [...parents, name];
    if (Array.isArray(value) || !STRIPPED.has(name)) return strippedNames(member, path);
    const detail = `a field cannot be called ${name} here`;
    return [{ pointer: jsonPointer(...path), code: 'unknown_field' as const, detail }];
  });
}
