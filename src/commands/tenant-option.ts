import { Option } from 'commander';
import { DEFAULT_TENANT } from '../access/tenant.entity.js';

export interface TenantOption {
  readonly tenant: string;
}

/** Whose data a command works on. */
export function tenantOption(): Option {
  return new Option('--tenant <name>', 'name of the tenant').default(DEFAULT_TENANT);
}
