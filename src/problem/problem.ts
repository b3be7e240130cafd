import { PROBLEMS, type ProblemCode } from './codes.js';

/** One thing wrong in a body. */
export interface FieldError {
  /** A JSON pointer into the body as it was sent; empty for the whole. */
  readonly pointer: string;
  readonly code: ProblemCode;
  readonly detail: string;
}

interface ProblemOptions {
  readonly errors?: readonly FieldError[];
  readonly headers?: Readonly<Record<string, string>>;
  /** Further members of the problem document; must hold no secrets. */
  readonly extensions?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/**
 * An error that the client can act on, in the shape of RFC 9457. What we broke ourselves is a plain
 * Error instead, and a 500.
 */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly code: ProblemCode;
  readonly status: number;
  readonly title: string;
  readonly errors: readonly FieldError[] | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly extensions: Readonly<Record<string, unknown>>;

  constructor(code: ProblemCode, detail: string, options: ProblemOptions = {}) {
    super(detail, options.cause === undefined ? {} : { cause: options.cause });
    const { status, title } = PROBLEMS[code];
    this.code = code;
    this.status = status;
    this.title = title;
    this.errors = options.errors;
    this.headers = { ...usualHeaders(status), ...options.headers };
    this.extensions = options.extensions ?? {};
  }

  /** @param instance A URI of this occurrence, by which it is found in the log. */
  toDocument(instance: string): Record<string, unknown> {
    return {
      ...this.extensions,
      type: `urn:countonce:problem:${this.code}`,
      title: this.title,
      status: this.status,
      detail: this.message,
      instance,
      code: this.code,
      ...(this.errors === undefined ? {} : { errors: this.errors }),
    };
  }
}

/** Several fields of a body break a rule; each is named in `errors`. */
export class ValidationProblem extends Problem {
  constructor(errors: readonly FieldError[]) {
    const [first] = errors;
    const others = errors.length > 1 ? `, and ${errors.length - 1} more` : '';
    super('validation_failed', first === undefined ? 'invalid' : `${first.detail}${others}`, {
      errors,
    });
  }
}

/** RFC 9110 asks for a challenge with 401; 429 and 503 are worth a retry, and say when. */
function usualHeaders(status: number): Record<string, string> {
  if (status === 401) return { 'www-authenticate': 'Bearer' };
  if (status === 429 || status === 503) return { 'retry-after': '1' };
  return {};
}
