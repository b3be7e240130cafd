import 'reflect-metadata';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { ApiKey } from './access/api-key.entity.js';
import { Tenant } from './access/tenant.entity.js';
import { MIGRATIONS } from './database/migrations.js';

/**
 * Options of the TypeORM data source: plain reads and migrations; what must be atomic is raw SQL on `Database`.
 *
 * @param role What it works as; none, as for migrations: the user of `url` itself.
 */
export function dataSourceOptions(url: string, role?: string): DataSourceOptions {
  return {
    type: 'postgres',
    url,
    poolSize: 2,
    ...(role !== undefined && { extra: { options: `-c role=${role}` } }),
    entities: [Tenant, ApiKey],
    migrations: [...MIGRATIONS],
    migrationsTableName: 'migration',
    migrationsTransactionMode: 'all',
    synchronize: false,
  };
}

export function createDataSource(url: string): DataSource {
  return new DataSource(dataSourceOptions(url));
}
