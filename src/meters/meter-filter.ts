import { ValidateBy } from 'class-validator';
import { textOf, type Meter } from '../domain/meter.js';
import { isAtMost, isStorableText } from '../domain/text.js';

const PROPERTIES_MAX = 20;
const VALUES_MAX = 1_000;
const CHARACTERS_MAX = 255;

/** As it is sent: `{property: [values]}`. */
export type SentFilter = Readonly<Record<string, readonly (string | number | boolean)[]>>;

/** An object of lists of texts, numbers and booleans. */
export function IsFilter(): PropertyDecorator {
  const message =
    `$property must name 1 to ${VALUES_MAX} strings, numbers or booleans ` +
    `for each of at most ${PROPERTIES_MAX} properties`;
  return ValidateBy(
    { name: 'isFilter', validator: { validate: isFilter, defaultMessage: () => message } },
    { context: { code: 'invalid' } },
  );
}

/** Values are compared as text, each counts once. */
export function toFilter(sent: SentFilter): Meter['filter'] {
  // Own properties whatever their name: an assignment to `__proto__` would make none.
  return Object.fromEntries(
    Object.entries(sent).map(([property, values]) => [property, [...new Set(values.map(textOf))]]),
  );
}

function isFilter(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const properties = Object.entries(value);
  return (
    properties.length <= PROPERTIES_MAX &&
    properties.every(([property, values]) => isName(property) && areValues(values))
  );
}

function areValues(values: unknown): boolean {
  if (!Array.isArray(values) || values.length < 1 || values.length > VALUES_MAX) return false;
  return values.every((value: unknown) => {
    if (typeof value === 'string') return isAtMost(value, CHARACTERS_MAX) && isStorableText(value);
    return typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value));
  });
}

function isName(property: string): boolean {
  return property !== '' && isAtMost(property, CHARACTERS_MAX) && isStorableText(property);
}
