/** What members of answers are, for `ApiProperty`. */

/** How a decimal is answered: as `canonicalDecimal` writes it, and as long as a sum gets. */
export const DECIMAL_SCHEMA = {
  type: 'string',
  pattern: String.raw`^-?(0|[1-9][0-9]*)(\.[0-9]*[1-9])?$`,
  description: 'An exact decimal, without exponent and without zeros at its end.',
  example: '123.5',
} as const;

export const DECIMAL = { allOf: [{ $ref: '#/components/schemas/Decimal' }] };
export const DECIMAL_OR_NULL = { ...DECIMAL, nullable: true };

export const INSTANT = { type: String, format: 'date-time' } as const;
export const INSTANT_OR_NULL = { ...INSTANT, nullable: true } as const;

export const TEXT_OR_NULL = { type: String, nullable: true } as const;
export const ID = { type: String, format: 'uuid' } as const;
export const ID_OR_NULL = { ...ID, nullable: true } as const;

/** How many of something, or which of them. */
export const COUNT = { type: 'integer', minimum: 0 } as const;

/** SHA-256 in hex. */
export const HASH = { type: String, pattern: '^[0-9a-f]{64}$' } as const;

/** Whose members are somebody else's, or differ from case to case. */
export const FREE_OBJECT = { type: 'object', additionalProperties: true } as const;
export const FREE_OBJECT_OR_NULL = { ...FREE_OBJECT, nullable: true } as const;

/** Whatever somebody sent. */
export const ANY_JSON = {
  anyOf: [
    { type: 'object', additionalProperties: true },
    { type: 'array', items: {} },
    { type: 'string' },
    { type: 'number' },
    { type: 'boolean' },
    { type: 'null' },
  ],
};
