import type { Answer } from '../send/http-door.js';
import type { KnownProblem } from './known-problems.js';

/** By which an overloaded service may ask for another try; each is counted. */
export const OVERLOAD_CODES: ReadonlySet<string> = new Set([
  'overloaded',
  'rate_limited',
  'database_busy',
]);

const POINTER = /^(?:\/(?:[^~/]|~[01])*)*$/;

/** @returns What of an error answer is not as RFC 9457 and our own pages have it. */
export function checkProblem(
  { status, headers, text }: Answer,
  known: ReadonlyMap<string, KnownProblem>,
): string[] {
  const wrong: string[] = [];
  if (headers['content-type'] !== 'application/problem+json') {
    wrong.push(`content type ${String(headers['content-type'])}`);
  }
  const problem = parseObject(text);
  if (problem === undefined) return [...wrong, 'no JSON object'];
  const { type, title, status: told, detail, instance, code, errors } = problem;
  const entry = typeof code === 'string' ? known.get(code) : undefined;
  if (entry === undefined) return [...wrong, `code ${String(code)} is in no list`];
  if (type !== `urn:countonce:problem:${String(code)}`) wrong.push(`type ${String(type)}`);
  if (title !== entry.title) wrong.push(`title ${String(title)}`);
  if (told !== status) wrong.push(`says status ${String(told)}`);
  if (entry.status !== status) wrong.push(`${String(code)} is documented with ${entry.status}`);
  if (typeof detail !== 'string' || detail === '') wrong.push('no detail');
  if (typeof instance !== 'string' || !/^urn:countonce:request:[\w-]+$/.test(instance)) {
    wrong.push(`instance ${String(instance)}`);
  }
  if (errors !== undefined) wrong.push(...checkErrors(errors, known));
  if (code === 'validation_failed' && !Array.isArray(errors)) wrong.push('no errors');
  if ((status === 429 || status === 503) && !/^\d+$/.test(headers['retry-after'] ?? '')) {
    wrong.push('no Retry-After');
  }
  return wrong;
}

/** Of the `errors` of a problem, and of those of a rejected event. */
export function checkErrors(errors: unknown, known: ReadonlyMap<string, KnownProblem>): string[] {
  if (!Array.isArray(errors) || errors.length === 0) return ['errors is no list of some'];
  return errors.flatMap((error: unknown) => {
    if (typeof error !== 'object' || error === null) return ['an error is no object'];
    const { pointer, code, detail } = error as Record<string, unknown>;
    const wrong: string[] = [];
    if (typeof pointer !== 'string' || !POINTER.test(pointer)) {
      wrong.push(`pointer ${String(pointer).slice(0, 100)}`);
    }
    if (typeof code !== 'string' || !known.has(code))
      wrong.push(`code ${String(code)} of an error`);
    if (typeof detail !== 'string' || detail === '') wrong.push('no detail of an error');
    return wrong;
  });
}

export function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
