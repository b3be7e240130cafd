import type { Command } from 'commander';
import { ApiKeyService } from '../access/api-key.service.js';
import { SCOPES } from '../access/scope.js';
import { TenantService } from '../access/tenant.service.js';
import { command, group, print, type JsonOption } from './command.js';
import { nameOf } from './name-of.js';
import { Services } from './services.js';

export function tenantsCommand(): Command {
  return group('tenants', 'Tenants: the companies that run meters.').addCommand(createCommand());
}

function createCommand(): Command {
  return command(
    'create <name>',
    'Make a tenant and its first key, which has every scope and is printed this once.',
    ['tenants create acme'],
  ).action(async (text: string, options: JsonOption) => {
    const name = nameOf(text, 'The name');
    await using services = await Services.open();
    const tenantId = await services.get(TenantService).create(name);
    const key = await services.get(ApiKeyService).create(tenantId, 'first key', SCOPES);
    print(
      options,
      { tenant_id: tenantId, name, api_key: { id: key.keyId, key: key.text, scopes: SCOPES } },
      [
        `Tenant ${name}, ${tenantId}.`,
        'Its API key with every scope is shown this once:',
        '',
        `  ${key.text}`,
      ].join('\n'),
    );
  });
}
