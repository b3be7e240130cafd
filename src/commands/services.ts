import type { INestApplicationContext, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { Tenant } from '../access/tenant.entity.js';
import { DEFAULT_TENANT } from '../access/tenant.entity.js';
import { TenantService } from '../access/tenant.service.js';
import { loadConfig, type Config } from '../config/config.js';
import { CountonceModule } from '../countonce.module.js';
import { Problem } from '../problem/problem.js';
import { CommandFailure } from './command-failure.js';
import { openDatabase, requireMigrated, type OpenDatabase } from './open-database.js';
import { StderrLogger } from './stderr-logger.js';

/** The services of Countonce for a command that ends: no HTTP, and no worker runs in it. */
export class Services implements AsyncDisposable {
  private constructor(
    private readonly app: INestApplicationContext,
    private readonly database: OpenDatabase,
  ) {}

  static async open(env: NodeJS.ProcessEnv = process.env): Promise<Services> {
    const config = commandConfig(env);
    const database = await openDatabase(config);
    try {
      if (!database.embedded) await requireMigrated(database.url);
      const options = { databaseUrl: database.url, config };
      const app = await NestFactory.createApplicationContext(
        CountonceModule.forRootAsync({ useFactory: () => options }),
        { logger: new StderrLogger(config.secrets), abortOnError: false },
      );
      return new Services(app, database);
    } catch (error) {
      await database.close();
      throw error;
    }
  }

  get<T>(type: Type<T>): T {
    return this.app.get(type);
  }

  /** The tenant of that name; `default` is made where no server has made it yet. */
  async tenant(name: string): Promise<Pick<Tenant, 'tenantId' | 'name'>> {
    const tenants = this.get(TenantService);
    const found = await tenants.byName(name);
    if (found !== undefined) return found;
    if (name === DEFAULT_TENANT) {
      await tenants.create(name).catch((error: unknown) => {
        if (!(error instanceof Problem && error.code === 'tenant_name_in_use')) throw error;
      });
      return this.tenant(name);
    }
    throw new CommandFailure(
      `No tenant is called ${name}. Make it with \`countonce tenants create ${name}\`.`,
      'tenant_not_found',
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.app.close();
    await this.database.close();
  }
}

/** The environment's configuration; whatever ROLE a server has, a command runs no worker. */
export function commandConfig(env: NodeJS.ProcessEnv): Readonly<Config> {
  return loadConfig({ ...env, ROLE: 'api' });
}
