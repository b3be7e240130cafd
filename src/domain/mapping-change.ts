/**
 * From when on the usage of an open period goes where a changed mapping says: only what was not
 * delivered yet, or the whole period.
 */
export const MAPPING_CHANGES = ['now', 'period_start'] as const;
export type MappingChange = (typeof MAPPING_CHANGES)[number];
