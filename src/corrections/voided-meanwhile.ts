/** Of two voids of one event at the same time, one is refused by these and finds what the other did. */
export const VOIDED_MEANWHILE: ReadonlySet<string> = new Set([
  'usage_entry_pkey',
  'usage_void_pkey',
]);
