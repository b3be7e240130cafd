import { Transform } from 'class-transformer';
import { IsInt, Max, Min, ValidateBy } from 'class-validator';

/**
 * A whole number written in decimal digits alone. `Number()` would also read `0x10`, `1e3` and
 * blanks, and nobody who writes those into an environment means a number of seconds.
 */
export function WholeNumber(min: number, max: number): PropertyDecorator {
  const message = `must be a whole number from ${min} to ${max}`;
  const decorators = [
    Transform(({ value }: { value: unknown }) =>
      typeof value === 'string' && /^(0|[1-9]\d*)$/.test(value) ? Number(value) : value,
    ),
    IsInt({ message }),
    Min(min, { message }),
    Max(max, { message }),
  ];
  return (target, property) => {
    for (const decorate of decorators) decorate(target, property);
  };
}

/** The values of a variable that holds several, comma-separated. */
export function listed(value: string | undefined): readonly string[] {
  return value === undefined ? [] : value.split(',').map((item) => item.trim());
}

/** Several values in one variable, comma-separated; blanks beside the commas do not count. */
export function IsListOf(item: RegExp, message: string): PropertyDecorator {
  const validate = (value: unknown): boolean =>
    typeof value === 'string' && listed(value).every((text) => item.test(text));
  return ValidateBy({ name: 'isListOf', validator: { validate, defaultMessage: () => message } });
}

/** A connection string that pg can read, percent-encoding included. */
export function IsPostgresUrl(): PropertyDecorator {
  return urlThat(
    'isPostgresUrl',
    // No example with a password: it would look like one that must not be told.
    'must be postgres:// with user, password, host, port and database, like ' +
      'postgres://countonce@localhost:5432/usage, special characters percent-encoded',
    (url) =>
      /^postgres(ql)?:$/.test(url.protocol) &&
      url.hash === '' &&
      [url.username, url.password, url.pathname].every(isPercentEncoded),
  );
}

/** Where an HTTP API is, without a query. */
export function IsWebUrl(): PropertyDecorator {
  return urlThat(
    'isWebUrl',
    'must be an http:// or https:// URL without user, query and fragment',
    (url) =>
      /^https?:$/.test(url.protocol) &&
      [url.username, url.password, url.search, url.hash].every((part) => part === ''),
  );
}

function urlThat(name: string, message: string, fits: (url: URL) => boolean): PropertyDecorator {
  const validate = (value: unknown): boolean => {
    // URL would trim blanks and drop line breaks, whoever uses the text later would not.
    if (typeof value !== 'string' || /\s/.test(value) || !URL.canParse(value)) return false;
    return fits(new URL(value));
  };
  return ValidateBy({ name, validator: { validate, defaultMessage: () => message } });
}

function isPercentEncoded(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}
