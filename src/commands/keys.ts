import type { Command } from 'commander';
import { fromMadeApiKey } from '../access/api-key.answer.js';
import { ApiKeyService } from '../access/api-key.service.js';
import { SCOPES, type Scope } from '../access/scope.js';
import { wrongUsage } from './command-failure.js';
import { command, group, print, type JsonOption } from './command.js';
import { nameOf } from './name-of.js';
import { Services } from './services.js';
import { tenantOption, type TenantOption } from './tenant-option.js';

interface Options extends JsonOption, TenantOption {
  readonly name: string;
  readonly scopes: string;
}

export function keysCommand(): Command {
  return group('keys', 'API keys.').addCommand(createCommand());
}

function createCommand(): Command {
  return command('create', 'Make an API key. It is printed this once; only its digest is kept.', [
    'keys create --name collector --scopes usage:write',
    'keys create --name dashboard --scopes usage:read,billing:write --tenant acme',
  ])
    .requiredOption('--name <name>', 'what the key is for')
    .option('--scopes <list>', `by commas, of ${SCOPES.join(', ')}`, SCOPES.join(','))
    .addOption(tenantOption())
    .action(async (options: Options) => {
      const name = nameOf(options.name, '--name');
      const scopes = scopesOf(options.scopes);
      await using services = await Services.open();
      const { tenantId, name: tenant } = await services.tenant(options.tenant);
      const key = await services.get(ApiKeyService).create(tenantId, name, scopes);
      print(
        options,
        { ...fromMadeApiKey(key), tenant },
        [
          `API key ${name} of the tenant ${tenant}, with ${scopes.join(', ')}.`,
          'It is shown this once:',
          '',
          `  ${key.text}`,
        ].join('\n'),
      );
    });
}

function scopesOf(list: string): Scope[] {
  const names = [...new Set(list.split(',').map((name) => name.trim()))];
  const unknown = names.filter((name) => !(SCOPES as readonly string[]).includes(name));
  if (unknown.length > 0) {
    throw wrongUsage(`There is no scope ${unknown.join(', ')}. There are ${SCOPES.join(', ')}.`);
  }
  return names as Scope[];
}
