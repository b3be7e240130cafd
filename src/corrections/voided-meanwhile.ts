/** Of two voids of one event at the same time, one is refused by this and finds what the other did. */
export const VOIDED_MEANWHILE = 'usage_void_pkey';
