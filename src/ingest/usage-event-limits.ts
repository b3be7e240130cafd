/** Code points in an id, a source, a customer, a meter. */
export const MAX_TEXT_CHARACTERS = 255;

export const MAX_PROPERTIES = 50;

/** Of the properties' JSON without blanks, in UTF-8. */
export const MAX_PROPERTIES_BYTES = 4 * 1024;

/** How far a sender's clock may run ahead; Stripe allows the same. */
export const MAX_MINUTES_AHEAD = 5;

export const EARLIEST_OCCURRED_AT = '2000-01-01T00:00:00Z';
