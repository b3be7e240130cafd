/** What a key may do. `admin` alone manages keys and clocks; each other scope stands for itself. */
export const SCOPES = [
  'usage:write',
  'usage:adjust',
  'usage:read',
  'billing:write',
  'admin',
] as const;

export type Scope = (typeof SCOPES)[number];
