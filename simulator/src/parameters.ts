import { ApiError, parameterMissing, parameterUnknown } from './errors.js';
import type { FormObject, FormValue } from './form-decoding.js';

const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/i;

/**
 * Reads the parameters an endpoint knows and refuses the rest. Every error here comes before
 * execution, so nothing is stored under an idempotency key.
 */
export class Parameters {
  readonly #known = new Set<string>();

  constructor(
    private readonly form: FormObject,
    private readonly parent = '',
  ) {
    // Every v1 endpoint takes `expand`; nothing here has an object to expand.
    if (parent === '') this.#known.add('expand');
  }

  text(name: string, lengthMax: number): string | undefined {
    const value = this.#read(name);
    if (value === undefined) return undefined;
    const param = this.#nameOf(name);
    if (typeof value !== 'string') throw new ApiError(400, 'Invalid string', { param });
    if (value === '') throw emptyParameter(param);
    // Stripe counts characters, JavaScript counts UTF-16 units.
    if ([...value].length > lengthMax) {
      const message = `Invalid string: ${value.slice(0, 20)}…; must be at most ${lengthMax} characters`;
      throw new ApiError(400, message, { param });
    }
    return value;
  }

  requiredText(name: string, lengthMax: number): string {
    return this.text(name, lengthMax) ?? this.#missing(name);
  }

  integer(name: string): number | undefined {
    const value = this.#read(name);
    if (value === undefined) return undefined;
    if (typeof value === 'string' && /^-?\d{1,15}$/.test(value)) return Number(value);
    const shown = typeof value === 'string' ? value : 'an object';
    const param = this.#nameOf(name);
    throw new ApiError(400, `Invalid integer: ${shown}`, {
      code: 'parameter_invalid_integer',
      param,
    });
  }

  requiredInteger(name: string): number {
    return this.integer(name) ?? this.#missing(name);
  }

  /** An RFC 3339 instant of v2, as unix seconds with a fraction. */
  rfc3339(name: string): number | undefined {
    const value = this.text(name, 64);
    if (value === undefined) return undefined;
    const unixMs = RFC_3339.test(value) ? Date.parse(value) : Number.NaN;
    if (!Number.isNaN(unixMs)) return unixMs / 1000;
    const param = this.#nameOf(name);
    throw new ApiError(400, `Invalid timestamp: ${value}`, { code: 'parameter_invalid', param });
  }

  oneOf<Choice extends string>(name: string, choices: readonly Choice[]): Choice | undefined {
    const value = this.text(name, 5000);
    if (value === undefined) return undefined;
    const choice = choices.find((candidate) => candidate === value);
    if (choice) return choice;
    const message = `Invalid ${name}: must be one of ${choices.join(', ')}`;
    throw new ApiError(400, message, { param: this.#nameOf(name) });
  }

  requiredOneOf<Choice extends string>(name: string, choices: readonly Choice[]): Choice {
    return this.oneOf(name, choices) ?? this.#missing(name);
  }

  /** A nested object of known members; call `end` on it too. */
  object(name: string): Parameters | undefined {
    const value = this.#read(name);
    if (value === undefined) return undefined;
    return new Parameters(this.#asObject(name, value), this.#nameOf(name));
  }

  requiredObject(name: string): Parameters {
    return this.object(name) ?? this.#missing(name);
  }

  /** A list of objects; call `end` on each of them too. */
  requiredList(name: string): Parameters[] {
    const value = this.#read(name) ?? this.#missing(name);
    return Object.entries(this.#asObject(name, value)).map(
      ([index, member]) =>
        new Parameters(this.#asObject(name, member), `${this.#nameOf(name)}[${index}]`),
    );
  }

  /** A free map of text to text, such as a payload or metadata. */
  map(name: string): Record<string, string> | undefined {
    const value = this.#read(name);
    if (value === undefined) return undefined;
    const map = Object.create(null) as Record<string, string>;
    for (const [key, member] of Object.entries(this.#asObject(name, value))) {
      if (typeof member !== 'string') {
        throw new ApiError(400, 'Invalid string', { param: `${this.#nameOf(name)}[${key}]` });
      }
      map[key] = member;
    }
    return map;
  }

  requiredMap(name: string): Record<string, string> {
    return this.map(name) ?? this.#missing(name);
  }

  boolean(name: string): boolean | undefined {
    const value = this.#read(name);
    if (value === undefined || value === 'true' || value === 'false') {
      return value === undefined ? undefined : value === 'true';
    }
    const shown = typeof value === 'string' ? value : 'an object';
    throw new ApiError(400, `Invalid boolean: ${shown}`, { param: this.#nameOf(name) });
  }

  /** A list of objects in order; none when it is absent. */
  objects(name: string): Parameters[] {
    const value = this.#read(name);
    if (value === undefined) return [];
    return Object.entries(this.#asObject(name, value)).map(([index, member]) => {
      const param = `${this.#nameOf(name)}[${index}]`;
      if (typeof member === 'string') throw new ApiError(400, 'Invalid object', { param });
      return new Parameters(member, param);
    });
  }

  /** Given as the empty text, which takes a value back. */
  isEmpty(name: string): boolean {
    return this.#read(name) === '';
  }

  /** A text; undefined also for an object, which some parameters may be instead. */
  textUnlessObject(name: string): string | undefined {
    return typeof this.#read(name) === 'object' ? undefined : this.text(name, 5000);
  }

  /** Refuses whatever no reader asked for. Call it after the last one. */
  end(): void {
    const unknown = Object.keys(this.form).find((name) => !this.#known.has(name));
    if (unknown !== undefined) throw parameterUnknown(this.#nameOf(unknown));
  }

  #read(name: string): FormValue | undefined {
    this.#known.add(name);
    return this.form[name];
  }

  #asObject(name: string, value: FormValue): FormObject {
    if (value === '') throw emptyParameter(this.#nameOf(name));
    if (typeof value !== 'string') return value;
    throw new ApiError(400, 'Invalid object', { param: this.#nameOf(name) });
  }

  #nameOf(name: string): string {
    return this.parent === '' ? name : `${this.parent}[${name}]`;
  }

  #missing(name: string): never {
    throw parameterMissing(this.#nameOf(name));
  }
}

function emptyParameter(param: string): ApiError {
  return new ApiError(400, `You passed an empty string for '${param}'.`, {
    code: 'parameter_invalid_empty',
    param,
  });
}
