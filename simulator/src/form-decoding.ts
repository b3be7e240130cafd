import { ApiError } from './errors.js';

export type FormValue = string | FormObject;

/** Decoded parameters. It has no prototype, so any name may come from outside. */
export interface FormObject {
  [name: string]: FormValue;
}

/** Deeper nesting than any parameter of Stripe's; a bound against hostile bodies. */
const DEPTH_MAX = 8;

export function emptyForm(): FormObject {
  return Object.create(null) as FormObject;
}

/**
 * Decodes `a[b][c]=1&list[]=x` the way Stripe does. Lists become objects with the indexes as names.
 * Of a name given twice the last one holds.
 */
export function decodeForm(encoded: string, into: FormObject = emptyForm()): FormObject {
  for (const [name, value] of new URLSearchParams(encoded)) place(into, namePath(name), value);
  return into;
}

function namePath(name: string): string[] {
  const open = name.indexOf('[');
  if (open <= 0 || !name.endsWith(']')) return [name];
  return [name.slice(0, open), ...name.slice(open + 1, -1).split('][')];
}

function place(root: FormObject, path: string[], value: string): void {
  if (path.length > DEPTH_MAX) throw new ApiError(400, 'Parameters are nested too deeply.');
  let target = root;
  path.forEach((segment, depth) => {
    const name = segment === '' ? String(Object.keys(target).length) : segment;
    if (depth === path.length - 1) {
      target[name] = value;
      return;
    }
    const inner = (target[name] ??= emptyForm());
    if (typeof inner === 'string') throw new ApiError(400, 'Invalid object', { param: name });
    target = inner;
  });
}

/** Decodes a JSON object of v2, whose leaves are all texts; lists become objects as in a form. */
export function decodeJson(text: string, into: FormObject = emptyForm()): FormObject {
  if (text.trim() === '') return into;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new ApiError(400, 'The request body is not valid JSON.', INVALID);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ApiError(400, 'The request body must be a JSON object.', INVALID);
  }
  return Object.assign(into, formOf(value, DEPTH_MAX));
}

const INVALID = { code: 'parameter_invalid' };

function formOf(value: object, depthLeft: number): FormObject {
  if (depthLeft === 0) throw new ApiError(400, 'Parameters are nested too deeply.', INVALID);
  const form = emptyForm();
  for (const [name, member] of Object.entries(value) as [string, unknown][]) {
    if (member === null) continue;
    if (typeof member === 'string') form[name] = member;
    else if (typeof member === 'object') form[name] = formOf(member, depthLeft - 1);
    else throw new ApiError(400, `Invalid string: ${JSON.stringify(member)}`, INVALID);
  }
  return form;
}

/** One text for equal parameters whatever their order, to compare requests by. */
export function canonicalForm(form: FormObject): string {
  const sorted = (value: FormValue): unknown =>
    typeof value === 'string'
      ? value
      : Object.keys(value)
          .sort()
          .map((name) => [name, sorted(value[name] ?? '')]);
  return JSON.stringify(sorted(form));
}
