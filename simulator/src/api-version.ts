/** The version that stripe-node 23.1.0 pins; answered when a client names none. */
export const API_VERSION = '2026-10-28.endive';
